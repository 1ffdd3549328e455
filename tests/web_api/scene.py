"""A picture that programs send, whole and with its upper half cut out."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from typing import Any

import PIL.Image
import PIL.ImageChops
import PIL.ImageStat

SIDE = 128


def png(image: PIL.Image.Image) -> bytes:
    written = io.BytesIO()
    image.save(written, "PNG")
    return written.getvalue()


def in_text(data: bytes) -> str:
    return base64.b64encode(data).decode()


#: Warm above, cool below; and the same with its upper half cut out.
SCENE = PIL.Image.linear_gradient("L").resize((SIDE, SIDE))
SCENE = PIL.Image.merge("RGB", (SCENE, SCENE.rotate(90), SCENE.rotate(180)))
PICTURE = png(SCENE)
UPPER = PIL.Image.new("L", (SIDE, SIDE))
UPPER.paste(255, (0, 0, SIDE, SIDE // 2))
CUT = SCENE.convert("RGBA")
CUT.putalpha(PIL.ImageChops.invert(UPPER))
SHA = hashlib.sha256(PICTURE).hexdigest()


def record_of(data: bytes) -> dict[str, Any]:
    return json.loads(PIL.Image.open(io.BytesIO(data)).text["sdq"])  # type: ignore[attr-defined, no-any-return]


def first(answer: Any) -> bytes:
    return base64.b64decode(answer.data[0].b64_json)


def difference(data: bytes, other: bytes, top: int, bottom: int) -> float:
    """The mean difference of two pictures between two rows."""
    one, two = (
        PIL.Image.open(io.BytesIO(each)).convert("RGB").crop((0, top, SIDE, bottom))
        for each in (data, other)
    )
    return sum(PIL.ImageStat.Stat(PIL.ImageChops.difference(one, two)).mean) / 3
