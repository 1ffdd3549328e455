"""`/v1/images/edits`: a picture drawn anew, all of it or where it is transparent, as OpenAI's clients send it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from starlette.requests import Request
from starlette.responses import Response

from db.values import JSON
from sdq.web.api.answers import openais
from sdq.web.api.errors import wrong
from sdq.web.api.generation import Generation, read_generation
from sdq.web.api.given import DECODING, Given
from sdq.web.api.images import draw
from sdq.web.multipart import UploadedFile, read_form

#: A prompt is a field like others.
_MOST_FIELD_BYTES = 100_000
_NUMBERS = ("n", "seed")
_WHOLE = re.compile(r"-?[0-9]{1,12}")


@openais
async def edit(request: Request) -> Response:
    """Draw up to ten images of a picture before all that waits, and return them."""
    return await draw(request, _read)


def _read(request: Request, given: Given) -> Generation:
    with read_form(request, most_field_bytes=_MOST_FIELD_BYTES) as form:
        image, mask = _file(form.files, "image"), _file(form.files, "mask")
        if image is None:
            raise wrong("image is missing.", "image")
        data = _content(image)
        picture = given.put("image", data, image.name)
        asked: dict[str, JSON] = {**_fields(form.fields), "init_image": picture}
        if mask is not None:
            data = _content(mask)
            given.put("mask", data)
    hole = _transparent(data)
    if hole is not None:
        asked["mask"] = given.put("mask", hole)
    elif mask is not None:
        raise wrong("mask is nowhere transparent, and that is where the image is drawn.", "mask")
    return read_generation(asked, given, key=request.headers.get("idempotency-key"))


def _file(files: Sequence[UploadedFile], field: str) -> UploadedFile | None:
    """Return the file of a field, None without one; clients that may send several write `image[]`."""
    found = [file for file in files if file.field.partition("[")[0] == field]
    if len(found) > 1:
        raise wrong(f"{field} has to be one picture.", field)
    return found[0] if found else None


def _content(file: UploadedFile) -> bytes:
    file.content.seek(0)
    return file.content.read()


def _fields(fields: Mapping[str, str]) -> dict[str, JSON]:
    """Return the fields of a form as those of JSON; pictures and what is made of several values are not among them."""
    for name in ("controlnet", "init_image", "image", "mask"):
        if any(field.partition("[")[0] == name for field in fields):
            raise wrong(f"{name} cannot be a text in a form. Use /v1/images/generations.", name)
    return {
        name: int(value) if name in _NUMBERS and _WHOLE.fullmatch(value) else value
        for name, value in fields.items()
        if name != "stream" or value.strip().lower() != "false"
    }


def _transparent(data: bytes) -> bytes | None:
    """Return a mask that is white where a picture is fully transparent, as a PNG; None if it is nowhere."""
    import io

    from sdq_core.inputs.picture import read_holes  # Pillow takes its time

    with DECODING:
        holes = read_holes(data)
    if holes is None:
        return None
    written = io.BytesIO()
    holes.save(written, "PNG")
    return written.getvalue()
