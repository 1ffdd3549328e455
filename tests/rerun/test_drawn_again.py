"""Images are drawn again from nothing but their files, on another machine: the same pixels."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from db.ledger import Ledger
from db.values import FinishedImage
from sdq_core.images.pixels import psnr_db
from sdq_core.images.root import OutputRoot
from sdq_core.values.variants import AttentionImplementation
from tests.acceptance.program import Program
from tests.translations import with_translations
from tests.worker.test_drawn_twice import draw, studio, variant
from worker.claims.claims import Outcome
from worker.drawing.saving import Gallery

REFERENCE = (
    Path(__file__).parents[2] / "sdq_core" / "demo_model" / "reference" / "split_einsum-1.png"
)


@pytest.fixture
def other_program(tmp_path: Path, translations: Path) -> Iterator[Program]:
    """Another machine's `sdq`: it shares nothing with the first."""
    program = Program(with_translations(tmp_path / "other", translations))
    yield program
    program.close()


def draw_all(program: Program, ledger: Ledger) -> None:
    """Draw all that is queued, with one engine."""
    root = OutputRoot(program.home / "outputs", home=program.home, ledger_id=ledger.id)
    drawing = studio(ledger, Gallery(root, with_metadata=True), program.home / "cache")
    which = variant(AttentionImplementation.SPLIT_EINSUM)
    for ref in ledger.work.open_slices():
        slice_ = ledger.work.load_slice(ref.id)
        assert slice_ is not None
        assert draw(drawing, slice_, which) is Outcome.FINISHED
    drawing.engines.close()


def by_seed(program: Program, batch: str) -> dict[int, FinishedImage]:
    return {image.seed: image for image in program.drawn(batch)}


def test_files_are_drawn_again_elsewhere(
    program: Program, other_program: Program, tmp_path: Path
) -> None:
    same = ("--negative-prompt", "fog", "--steps", "2", "--variant", "split_einsum")
    program.call("submit", "--prompt", "a red house", *same, "--seed", "3-4", "--batch", "png")
    jpg = ("--seed", "9", "--batch", "jpg", "--scheduler", "PNDM", "--image-format", "jpg")
    program.call("submit", "--prompt", "the sea", *same, *jpg)
    with program.ledger() as ledger:
        draw_all(program, ledger)
    first = by_seed(program, "png") | by_seed(program, "jpg")

    sent = tmp_path / "sent"
    shutil.copytree(program.home / "outputs", sent)
    shutil.copy(REFERENCE, sent / "reference.png")
    said = other_program.call("rerun", str(sent), "--batch", "again").stdout
    assert said.startswith("Read 4 images of sdq.\nBatch again: 4 images to draw.\n")
    with other_program.ledger() as ledger:
        draw_all(other_program, ledger)
    again = by_seed(other_program, "again")
    for seed, image in first.items():
        assert again[seed].recipe == image.recipe
        assert again[seed].image.pixels_sha256 == image.image.pixels_sha256
    (seed,) = again.keys() - first.keys()
    with (
        Image.open(REFERENCE) as recorded,
        Image.open(other_program.home / "outputs" / again[seed].image.path) as drawn,
    ):
        assert psnr_db(recorded, drawn) > 40  # drawn by other versions of the libraries

    said = other_program.call("rerun", str(sent)).stdout
    assert "Nothing to draw: 4 drawn already." in said
    assert "verify" not in said
    assert str(other_program.home / "outputs" / again[9].image.path) in said
    chosen = other_program.call("rerun", str(sent / "reference.png"), "--batch", "best").stdout
    assert "Batch best: 0 images to draw, 1 drawn already." in chosen
    assert len(other_program.drawn("best")) == 1
    more = other_program.call("rerun", "again", "--seeds", "+2", "--set", "steps=1").stdout
    assert "Batch again-rerun: 6 images to draw." in more
    more = other_program.call("rerun", "again", "--seeds", "+2", "--set", "steps=1").stdout
    assert "Nothing to draw: 6 submitted before to batch again-rerun." in more
