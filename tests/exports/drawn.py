"""Images of a few colours, as samples without a ledger, and in a ledger."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from PIL import Image

from db.ledger import Ledger
from db.values import FinishedImage, ImageRecord
from sdq.exports.sample import Sample, key_of
from sdq_core.images.store import store_file
from tests.ledger.plans import ENGINE, plan, recipe, record

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


def draw(ledger: Ledger, outputs: Path, name: str, prompts: list[str], seeds: range) -> None:
    """Submit a batch, and settle all its images with files of 16x16 pixels."""
    ledger.submissions.add(plan(prompts, seeds, name=name))
    engine_id = ledger.work.register_engine(ENGINE)
    for ref in ledger.work.open_slices():
        slice_ = ledger.work.load_slice(ref.id)
        assert slice_ is not None
        for seed in slice_.seeds:
            if not ledger.work.note_attempts(
                slice_.recipe_id, [seed], engine_id=engine_id, slice_id=slice_.id
            ):
                continue
            row = record(slice_, seed, engine_id)
            made = io.BytesIO()
            Image.new("RGB", (16, 16), (seed % 256, slice_.entry, 0)).save(made, "png")
            stored = store_file(made.getvalue(), outputs / row.path)
            ledger.work.record_and_go_on(
                replace(row, size_bytes=stored.size_bytes, sha256=stored.sha256)
            )
        ledger.work.finish_slice(slice_.id)
