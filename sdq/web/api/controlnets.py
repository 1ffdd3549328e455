"""ControlNets as a request names them, and as a prompt line does.

{"name": "edges", "image": "iVBORw0...", "annotate": "canny", "scale": 0.8, "start": 0, "end": 0.5}
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from db.values import JSON
from producer.reading.controlnets import Following
from sdq.web.api.errors import wrong
from sdq.web.api.given import Given
from sdq_core.values.annotators import Annotator
from sdq_core.values.conditions import MAX_CONTROLNETS, MAX_SCALE

_PARAM = "controlnet"


def followings(value: JSON, given: Given) -> Sequence[str]:
    """Return the ControlNets of an image for its line; raise ApiError for what is none."""
    asked = value if isinstance(value, list) else [value]
    if len(asked) > MAX_CONTROLNETS:
        raise wrong(f"controlnet may have {MAX_CONTROLNETS} objects.", _PARAM)
    return [_following(one, given) for one in asked]


def _following(asked: JSON, given: Given) -> str:
    if not isinstance(asked, dict):
        raise wrong(
            "controlnet has to be an object with name and image, or a list of them.", _PARAM
        )
    name = asked.get("name")
    if not isinstance(name, str) or not name.strip() or set(name) & set(":/;\n"):
        raise wrong("name of controlnet has to be that of a ControlNet.", _PARAM)
    annotator = asked.get("annotate")
    if annotator not in {None, "", *map(str, Annotator)}:
        raise wrong(f"annotate of controlnet has to be {' or '.join(Annotator)}.", _PARAM)
    scale, start, end = (
        _number(asked, key, usual, most)
        for key, usual, most in (("scale", 1.0, MAX_SCALE), ("start", 0.0, 1.0), ("end", 1.0, 1.0))
    )
    if start >= end:
        raise wrong("start of controlnet has to be less than its end.", _PARAM)
    return str(
        Following(
            name=name.strip(),
            picture=given.picture(_PARAM, asked.get("image")),
            annotator=Annotator(annotator) if annotator else None,
            scale=scale,
            start=start,
            end=end,
        )
    )


def _number(asked: dict[str, JSON], key: str, usual: float, most: float) -> float:
    value = asked.get(key)
    if value is None:
        return usual
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise wrong(f"{key} of controlnet has to be a number from 0 to {most:g}.", _PARAM)
    # As a line writes it: a smaller one would have an exponent.
    return round(value, 4) if math.isfinite(value) else usual
