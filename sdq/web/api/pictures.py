"""Images as programs get them: by the address of their identity, or as text within JSON."""

from __future__ import annotations

import base64
import mimetypes
import re

from starlette.requests import Request
from starlette.responses import Response

from db.ledger import Ledger
from db.values import ImageStatus
from sdq.web.api.answers import openais
from sdq.web.api.errors import ApiError, missing
from sdq.web.reading import sources_of
from sdq_core.images.root import OutputRoot
from sdq_core.settings import Settings

FOLDER = "/v1/images"
_NAME = re.compile(r"([0-9a-f]{64})-([0-9]{1,10})\.[a-z]+")
#: Pillow's newer formats, which not every system knows.
_TYPES = {".webp": "image/webp", ".avif": "image/avif"}


def url_of(request: Request, content_key: str, seed: int, path: str) -> str:
    """Return an image's whole address, as the client reaches this server. path: of its file."""
    base = str(request.base_url).rstrip("/")
    return f"{base}{FOLDER}/{name_of(content_key, seed, path)}"


def name_of(content_key: str, seed: int, path: str) -> str:
    """Return the last part of an image's address."""
    return f"{content_key}-{seed}.{path.rpartition('.')[2]}"


def as_text(settings: Settings, ledger: Ledger, path: str) -> str:
    """Return an image's file in base64; raise ApiError if it is lost."""
    return base64.b64encode(_content(settings, ledger, path)).decode()


@openais
def get_image(request: Request) -> Response:
    """Return an image's file."""
    sources = sources_of(request)
    name = _NAME.fullmatch(request.path_params["name"])
    ledger = sources.ledger
    known = ledger.batches.image_of_recipe(name[1], int(name[2])) if name else None
    if known is None or known.image is None or known.status is not ImageStatus.DONE:
        raise missing("There is no such image.", "name")
    etag = f'"{known.image.sha256}"'
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers={"etag": etag})
    path = known.image.path
    return Response(
        _content(sources.settings, ledger, path),
        media_type=media_type(path),
        headers={"etag": etag, "cache-control": "private, no-cache"},
    )


def media_type(path: str) -> str:
    """Return the type of a file, by its ending."""
    suffix = f".{path.rpartition('.')[2]}"
    return _TYPES.get(suffix) or mimetypes.types_map.get(suffix, "application/octet-stream")


def _content(settings: Settings, ledger: Ledger, path: str) -> bytes:
    root = OutputRoot(settings.outputs, home=settings.home, ledger_id=ledger.id)
    content = root.read(path)
    if content is None:
        raise ApiError(
            410,
            "The image was drawn, but its file is lost. To draw it again, run `sdq verify --repair`.",
            code="file_lost",
        )
    return content
