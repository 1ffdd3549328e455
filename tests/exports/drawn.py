"""Samples without a ledger: images of a few colours, with all that would be known of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from PIL import Image

from db.values import FinishedImage, ImageRecord
from sdq.exports.sample import Sample, key_of
from tests.ledger.plans import ENGINE, recipe

_BEGIN = datetime(2026, 3, 1, 21, tzinfo=UTC)


def image(number: int, *, fields: dict[str, object] | None = None) -> FinishedImage:
    """Return the number-th image of a batch: two seeds for each prompt, of which each is longer than the last."""
    return FinishedImage(
        id=number + 1,
        batch_name="night",
        entry=1 + number // 2,
        fields=fields or {},
        recipe=recipe("a red boat" + " at sea" * (number // 2)),
        seed=number % 2,
        image=ImageRecord(
            recipe_id=1 + number // 2,
            seed=number % 2,
            slice_id=1,
            engine_id=1,
            path=f"night/{number}.png",
            size_bytes=1000,
            sha256="ab" * 32,
            pixels_sha256="cd" * 32,
            truncated_tokens=0,
            nsfw_flagged=None,
            concept_scores={},
            queue_wait_ms=1.0,
            text_encode_ms=2.0,
            denoise_ms=100.0,
            num_unet_calls=20,
            decode_ms=3.0,
            safety_ms=0.5,
            encode_ms=1.0,
            save_ms=1.0,
        ),
        engine=ENGINE,
        attempts=1,
        finished_at=_BEGIN + timedelta(seconds=number),
    )


def samples(
    folder: Path, count: int, *, extension: str = ".png", fields: dict[str, object] | None = None
) -> list[Sample]:
    """Store images in a folder and return them as samples of the split train."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for number in range(count):
        file = folder / f"{number}{extension}"
        Image.new("RGB", (16, 16), (number % 256, 100, 200)).save(file)
        drawn = image(number, fields=fields)
        found.append(
            Sample(
                key=key_of(drawn),
                split="train",
                caption=drawn.recipe.prompt,
                image=drawn,
                file=file,
                extension=extension,
                width=16,
                height=16,
            )
        )
    return found
