"""Pictures: the images' own files, and thumbnails that are made when somebody asks for them.

Their addresses have a digest in them and never mean anything else later, so browsers keep them. The path of a file
comes from its row, never from an address, and is followed only below the output folder.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from db.browsing import Picture
from sdq.web.asked import in_path
from sdq.web.kept import KeptThumbnails
from sdq.web.reading import Sources, sources_of
from sdq_core.errors import InputMissingError
from sdq_core.images.fitted import thumbnail
from sdq_core.values.image_files import ImageFormat

#: The square that thumbnails fit, pixels.
SIDE = 256
#: Thumbnails that are made at once; each takes a core for some 30 ms.
_AT_ONCE = 2

_MEDIA_TYPES = {
    ImageFormat.PNG.suffix: "image/png",
    ImageFormat.JPG.suffix: "image/jpeg",
    ImageFormat.WEBP.suffix: "image/webp",
    ImageFormat.AVIF.suffix: "image/avif",
}
#: Of thumbnails that are kept.
_KEPT_TYPE = "image/webp"
_FOR_EVER = "private, max-age=31536000, immutable"


def image(request: Request) -> Response:
    """Return an image's own file."""
    sources = sources_of(request)
    picture = _picture(sources, request, lambda found: found.sha256)
    if unchanged := _unchanged(request, picture.sha256):
        return unchanged
    file = file_of(sources.settings.outputs, picture)
    media_type = _MEDIA_TYPES.get(file.suffix.lower(), "application/octet-stream")
    # Of one that was cut short or changed, a browser would show that even when it is repaired.
    is_its_own = file.stat().st_size == picture.size_bytes
    headers = _headers(picture.sha256) if is_its_own else {}
    return FileResponse(file, media_type=media_type, headers=headers)


class Thumbnails:
    """The thumbnails of one server: kept, or made when they are asked for. Threads may share them."""

    def __init__(self, kept: KeptThumbnails, outputs: Path) -> None:
        self._kept = kept
        self._outputs = outputs
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def find_in_turn(self, picture: Picture, *, hidden: bool) -> tuple[bytes, str]:
        """Return a thumbnail and its media type; a few are made at a time. Raise as `find`."""
        name = _name(picture, hidden=hidden)
        data = await run_in_threadpool(self._kept.read, name)
        if data is not None:
            return data, _KEPT_TYPE
        async with self._turns:  # not in a thread, or whoever waits would hold one
            return await run_in_threadpool(self.find, picture, hidden=hidden)

    def find(self, picture: Picture, *, hidden: bool) -> tuple[bytes, str]:
        """Return a thumbnail and its media type; raise InputMissingError if its picture cannot be read.

        hidden: only its colours can be made out.
        """
        name = _name(picture, hidden=hidden)
        data = self._kept.read(name)
        if data is not None:
            return data, _KEPT_TYPE
        made = thumbnail(file_of(self._outputs, picture), SIDE, hidden=hidden, quick=True)
        if made is None:
            raise InputMissingError("The picture's file cannot be read. `sdq verify` says more.")
        if made.media_type == _KEPT_TYPE:
            self._kept.keep(name, made.data)
        return made.data, made.media_type


async def thumbnail_file(request: Request) -> Response:
    """Return the thumbnail of an image; of one that is flagged only the colours, unless it is asked for `clear`."""
    sources = sources_of(request)
    picture = await run_in_threadpool(_picture, sources, request, lambda found: found.pixels_sha256)
    hidden = bool(picture.nsfw_flagged) and "clear" not in request.query_params
    name = _name(picture, hidden=hidden)
    if unchanged := _unchanged(request, name):
        return unchanged
    data, media_type = await sources.thumbnails.find_in_turn(picture, hidden=hidden)
    return Response(data, media_type=media_type, headers=_headers(name))


def _name(picture: Picture, *, hidden: bool) -> str:
    return f"{picture.pixels_sha256}{'-hidden' if hidden else ''}"


def image_address(image_id: int, sha256: str, path: str) -> str:
    """Return the address of an image's file, below the root."""
    return f"/i/{image_id}/{sha256}{Path(path).suffix.lower()}"


def thumbnail_address(image_id: int, pixels_sha256: str) -> str:
    """Return the address of an image's thumbnail, below the root."""
    return f"/t/{image_id}/{pixels_sha256}.webp"


def _picture(sources: Sources, request: Request, digest: Callable[[Picture], str]) -> Picture:
    """Return the picture that an address means, if it still has the digest in it."""
    found = sources.ledger.browsing.picture(in_path(request, "id"))
    named = request.path_params["name"].partition(".")[0]
    if found is None or digest(found) != named:
        raise InputMissingError("There is no such picture, or it was drawn anew.")
    return found


def file_of(outputs: Path, picture: Picture) -> Path:
    """Return a picture's file; raise InputMissingError if there is none below the outputs."""
    outputs = outputs.resolve()
    try:
        file = (outputs / picture.path).resolve()
        if file.is_relative_to(outputs) and file.is_file():
            return file
    except (OSError, ValueError):
        pass
    raise InputMissingError("The picture's file is not there. `sdq verify` says more.")


def _headers(tag: str) -> dict[str, str]:
    return {"etag": f'"{tag}"', "cache-control": _FOR_EVER}


def _unchanged(request: Request, tag: str) -> Response | None:
    """Return that a browser still has what it asks for; None if it has not. Starlette's files do not say so."""
    known = request.headers.get("if-none-match", "")
    if f'"{tag}"' not in known:
        return None
    return Response(status_code=304, headers=_headers(tag))
