"""Style, script and icon, kept by browsers until they change."""

from __future__ import annotations

import hashlib
import os
from functools import cache
from pathlib import Path
from typing import Any

from starlette.responses import Response
from starlette.staticfiles import StaticFiles

FOLDER = Path(__file__).with_name("static")


@cache
def version() -> str:
    """Return what changes with any of the files, for their addresses."""
    digest = hashlib.sha256()
    for file in sorted(FOLDER.iterdir()):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


class Assets(StaticFiles):
    """The files, at addresses that name their version."""

    def __init__(self) -> None:
        super().__init__(directory=FOLDER)

    def file_response(
        self, full_path: str | os.PathLike[str], *args: Any, **kwargs: Any
    ) -> Response:
        """Return a file that need not be asked for again."""
        response = super().file_response(full_path, *args, **kwargs)
        response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response
