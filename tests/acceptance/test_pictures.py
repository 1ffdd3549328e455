"""A folder of pictures, each drawn from: killed and resumed, with one that is gone, and drawn again elsewhere."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from PIL import Image

from db.values import KnownEntry
from sdq_core.errors import EXIT_BAD_INPUT, EXIT_FAILURE, EXIT_SOME_IMAGES_FAILED
from tests.acceptance.program import Program, assert_whole, engines_of
from tests.translations import with_translations
from worker.drawing.failures import FAILURES_TO_PAUSE

PICTURES = 20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pictures = tmp_path / "photos"
    pictures.mkdir()
    for number in range(PICTURES):
        image = Image.new("RGB", (200, 120), (12 * number, 90, 200 - 10 * number))
        image.paste("white", (10 * number, 20, 10 * number + 40, 60))
        image.save(pictures / f"photo-{number}.png")
    return pictures


def submit(folder: Path, *more: str) -> list[str]:
    return [
        "submit", "--prompt", "a house in the snow", "--init-image", str(folder), "--strength", "0.5", "--steps", "2",
        "--batch", "photos", "--guidance-scale", "3.5", *more,
    ]  # fmt: skip


def test_a_folder_of_pictures_is_drawn_once_each_though_the_worker_is_killed(
    program: Program, folder: Path, tmp_path: Path, translations: Path
) -> None:
    program.call(*submit(folder))
    for path in folder.iterdir():  # what was submitted is kept, whatever becomes of it
        path.unlink()
    worker = program.start("worker", "--burst")
    program.wait_for_images("photos", 1)
    engines = engines_of(worker)
    worker.send_signal(signal.SIGKILL)
    worker.communicate()
    for engine in engines:
        engine.wait(timeout=30)
    # More pictures vanish than failed images in a row pause a variant; the last one is there, and so is that of the
    # image in hand when the worker was killed, whose file may be written already: it is drawn again over it.
    _, *gone, _ = (entry.recipe.conditions.init_image for entry in waiting(program))
    assert len(gone) > FAILURES_TO_PAUSE
    kept = {sha256: next((program.home / "inputs").glob(f"*/{sha256}.*")) for sha256 in gone}
    for path in kept.values():
        path.rename(tmp_path / path.name)
    verified = program.call("verify", code=EXIT_FAILURE)
    assert f"picture missing: sha256 {gone[0]}" in verified.stdout
    program.call("worker", "--burst", code=EXIT_SOME_IMAGES_FAILED)
    verified = program.call("verify", code=EXIT_FAILURE)
    assert "submit them again, or copy them" in verified.stdout
    assert "--repair" not in verified.stdout  # it would mend nothing of it
    drawn = program.drawn("photos")
    assert_whole(program.home, drawn, PICTURES - len(gone))
    assert len({image.image.pixels_sha256 for image in drawn}) == len(drawn)
    status = json.loads(program.call("status", "photos", "--json").stdout)
    assert status["request_counts"]["failed"] == len(gone)
    said = program.call("status", "photos").stdout
    assert f"{str(gone[0])[:12]} is not in" in said
    assert "Then `sdq retry` draws this image." in said
    for path in kept.values():
        (tmp_path / path.name).rename(path)
    program.call("retry", "photos")
    assert len(waiting(program)) == len(gone)

    exported = program.call("export", "photos", "-", "--format", "jsonl").stdout.splitlines()
    first = json.loads(exported[0])
    assert (first["init_image"][-12:], first["strength"]) == ("/photo-0.png", 0.5)
    assert first["result"]["init_image_sha256"] in first["init_image"]
    where = "init_image = 'photo-0.png' and strength < 0.6"
    assert len(program.call("ls", "photos", "--where", where).stdout.splitlines()) == 2
    assert "photo-0.png (sha256" in program.call("show", "photos/1/0").stdout

    # An image says all that is needed to draw it again, where its picture is.
    file = program.home / "outputs" / drawn[0].image.path
    again = program.call("rerun", str(file), "--set", "strength=0.75", "--dry-run").stdout
    assert "1 image to draw" in again
    other = Program(with_translations(tmp_path / "other", translations))
    refused = other.call("rerun", str(file), code=EXIT_BAD_INPUT)
    assert "is not among the inputs of this data folder" in refused.stderr
    assert not (other.home / "inputs").exists()
    other.close()

    # What an image is drawn from stays; what none is drawn from any more goes.
    for path in (program.home / "inputs").glob("*/*"):
        os.utime(path, (0, 0))
    mistaken = f"sqlite:///{tmp_path / 'another.db'}"
    said = program.call("prune", "--yes", SDQ_DATABASE_URL=mistaken).stdout
    assert "another ledger may need them" in said
    program.call("prune", "--yes")
    assert len(list((program.home / "inputs").glob("*/*"))) == PICTURES
    assert program.call("verify").stdout.startswith("All is well")
    program.call("cancel", "photos")
    program.call("prune", "photos", "--yes")
    assert not list((program.home / "inputs").glob("*/*"))


def waiting(program: Program) -> list[KnownEntry]:
    """Return the entries that are not drawn yet."""
    done = {image.entry for image in program.drawn("photos")}
    with program.ledger() as ledger:
        return [
            entry
            for entry in ledger.submissions.known_entries("photos")
            if entry.number not in done
        ]
