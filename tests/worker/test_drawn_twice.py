"""Each image has one file and one row, which tells of that file, whatever was drawn to its path before or meanwhile."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from db.ledger import Ledger
from db.values import BatchPlan, PlannedEntry, Slice
from sdq_core.images.read import read_record
from sdq_core.models import DEMO, ModelStore, resolver
from sdq_core.values.recipes import Recipe
from sdq_core.values.variants import ANY, AnyVariant, AttentionImplementation, ComputeUnit, Variant
from tests.worker.studio import MeetingGallery, OneSlice, make_studio, root_at
from worker.claims.claims import Outcome
from worker.claims.open_slice import OpenSlice
from worker.drawing.drawing import Drawing
from worker.drawing.saving import Gallery
from worker.drawing.studio import Studio
from worker.engine.handle import Deadlines, Engine
from worker.engine.messages import Launch

STORE = ModelStore(Path("nowhere"))


def variant(word: AttentionImplementation) -> Variant:
    return Variant(
        model=DEMO,
        revision=STORE.find(DEMO, word).revision,
        attention_implementation=word,
        compute_unit=ComputeUnit.ALL,
    )


def studio(ledger: Ledger, gallery: Gallery, cache: Path) -> Studio:
    def start(which: Variant) -> Engine:
        folder = STORE.find(which.model, which.attention_implementation)
        launch = Launch(folder=folder, compute_unit=which.compute_unit, cache=cache, threads=1)
        return Engine(launch, Deadlines())

    return make_studio(ledger, gallery, start)


def draw(studio: Studio, slice_: Slice, variant: Variant) -> Outcome:
    source = OneSlice()
    Drawing(studio, variant, source).run(OpenSlice.of(studio.ledger, slice_, queue_wait_ms=0))
    (outcome,) = source.outcomes
    return outcome


def submitted(ledger: Ledger, prompt: str, batch: str) -> Slice | None:
    """Submit one image, for any variant; return its slice, None if it is drawn already."""
    folder = resolver(STORE)(DEMO, ANY)
    recipe = Recipe(
        variant=AnyVariant(model=DEMO, revision=folder.revision),
        prompt=prompt,
        width=folder.width,
        height=folder.height,
        num_inference_steps=1,
    )
    entries = [PlannedEntry(recipe=recipe, seeds=(7,))]
    submission = ledger.submissions.add(
        BatchPlan(name=batch, source_name=batch, source="-", key=prompt, entries=entries)
    )
    return ledger.work.load_slice(submission.slices[0].id) if submission.slices else None


@pytest.mark.parametrize("overtaken", ["before its file is written", "before its row is"])
def test_the_row_follows_the_file(
    ledger: Ledger, tmp_path: Path, translations: Path, overtaken: str
) -> None:
    slice_ = submitted(ledger, "the sea", "b")
    assert slice_ is not None
    outputs = tmp_path / "outputs"
    first = variant(AttentionImplementation.ORIGINAL)
    second = variant(AttentionImplementation.SPLIT_EINSUM)
    other = studio(ledger, Gallery(root_at(outputs), with_metadata=True), translations)

    def meet() -> None:
        assert draw(other, slice_, first) is Outcome.FINISHED
        other.engines.close()

    early = overtaken == "before its file is written"
    gallery = MeetingGallery(
        outputs, before=meet if early else lambda: None, after=lambda: None if early else meet()
    )
    slow = studio(ledger, gallery, translations)
    assert draw(slow, slice_, second) is Outcome.FINISHED
    slow.engines.close()

    (image,) = ledger.batches.images("b")
    (file,) = outputs.rglob("*.png")
    assert hashlib.sha256(file.read_bytes()).hexdigest() == image.image.sha256
    assert image.engine.variant == (second if early else first)  # whose file was written last
    assert image.recipe == slice_.recipe
    assert read_record(file).recipe == replace(slice_.recipe, variant=image.engine.variant)
    status = ledger.batches.find("b")
    assert status is not None
    assert (status.completed, status.total) == (1, 1)


def test_a_file_that_a_removed_batch_left_is_not_drawn_over(
    ledger: Ledger, tmp_path: Path, translations: Path
) -> None:
    outputs = tmp_path / "outputs"
    drawing = studio(ledger, Gallery(root_at(outputs), with_metadata=True), translations)
    first = submitted(ledger, "the sea", "one")
    assert first is not None
    draw(drawing, first, variant(AttentionImplementation.ORIGINAL))
    assert submitted(ledger, "the sea", "two") is None
    one = ledger.upkeep.begin_pruning("one")
    while not ledger.upkeep.prune_page(one).last:
        pass
    mine = outputs / "one" / "00001" / "00001-7-2.png"
    mine.write_bytes(b"mine")

    again = submitted(ledger, "a tree", "one")
    assert again is not None
    draw(drawing, again, variant(AttentionImplementation.ORIGINAL))
    drawing.engines.close()
    images = [image for name in ("two", "one") for image in ledger.batches.images(name)]
    assert [image.image.path for image in images] == [
        "one/00001/00001-7.png",
        "one/00001/00001-7-3.png",
    ]
    assert mine.read_bytes() == b"mine"
    for image in images:
        file = outputs / image.image.path
        assert hashlib.sha256(file.read_bytes()).hexdigest() == image.image.sha256
