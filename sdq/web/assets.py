"""Styles, scripts and icon, kept by browsers until they change."""

from __future__ import annotations

import hashlib
import os
from functools import cache
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from sdq.views.report.document import STYLE

FOLDER = Path(__file__).with_name("static")
_KEPT = {"cache-control": "public, max-age=31536000, immutable"}


@cache
def version() -> str:
    """Return what changes with any of the files, for their addresses."""
    digest = hashlib.sha256()
    for file in [*sorted(FOLDER.iterdir()), STYLE]:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def report_style(request: Request) -> Response:  # noqa: ARG001
    """Return the style of the page of `sdq report`, for a part of a page of ours.

    What it says of a whole page, as its colours, finds nothing there.
    """
    style = f".report {{\n{STYLE.read_text(encoding='utf-8')}}}\n"
    return Response(style, media_type="text/css", headers=_KEPT)


class Assets(StaticFiles):
    """The files, at addresses that name their version."""

    def __init__(self) -> None:
        super().__init__(directory=FOLDER)

    def file_response(
        self, full_path: str | os.PathLike[str], *args: Any, **kwargs: Any
    ) -> Response:
        """Return a file that need not be asked for again."""
        response = super().file_response(full_path, *args, **kwargs)
        response.headers.update(_KEPT)
        return response
