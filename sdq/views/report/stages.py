"""The stages of an image, with their names for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from db.summaries.values import Times

#: In the engine, one after the other; beside the engine, while it draws the next image.
_IN_ENGINE = (
    ("text_encode_ms", "Encode the prompt"),
    ("denoise_ms", "Denoise"),
    ("decode_ms", "Decode"),
    ("safety_ms", "Safety check"),
)
_BESIDE = (("encode_ms", "Encode the file"), ("save_ms", "Save the file"))


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A stage of all images: its sum and its mean in ms, and its share of the engines' time, None if it is beside."""

    key: str
    name: str
    total_ms: float
    mean_ms: float
    share: float | None


def stages(times: Times) -> Sequence[Stage]:
    """Return the stages in their order; none without images."""
    if not times.images:
        return ()
    drawing_ms = times.drawing_ms or 1.0
    return [
        Stage(
            key=key,
            name=name,
            total_ms=getattr(times, key),
            mean_ms=getattr(times, key) / times.images,
            share=getattr(times, key) / drawing_ms if shared else None,
        )
        for group, shared in ((_IN_ENGINE, True), (_BESIDE, False))
        for key, name in group
    ]
