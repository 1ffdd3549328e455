"""Shards of a real ledger: sizes, growth, interruptions, and the card of it all."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from db.ledger import Ledger
from sdq.exports.card.of_export import write_card_of
from sdq.exports.export import Exported, export
from sdq.exports.options import ExportOptions
from sdq_core.images.root import OutputRoot
from sdq_core.models.store import ModelStore
from tests.exports.drawn import draw


class Place:
    """A ledger, the images, and a data set that is made of them."""

    def __init__(self, home: Path, ledger: Ledger) -> None:
        self.home = home
        self.ledger = ledger
        self.root = OutputRoot(home / "outputs", home=home, ledger_id=ledger.id)

    def draw(self, name: str, prompts: list[str], seeds: range) -> None:
        draw(self.ledger, self.root.path, name, prompts, seeds)

    def export(self, folder: str, *batches: str, samples: int = 4, form: str) -> Exported:
        ids = [status.id for name in batches if (status := self.ledger.batches.find(name))]
        options = ExportOptions(format=form, samples_per_part=samples)
        done = export(self.ledger, ids, self.root, self.home / folder, options)
        write_card_of(
            self.home / folder,
            options,
            title="night",
            store=ModelStore(self.home / "models"),
            left_out={"their file is missing": done.missing},
        )
        return done

    def files(self, folder: str) -> dict[str, str]:
        root = self.home / folder
        return {
            path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in root.rglob("*")
            if path.is_file() and not path.name.startswith(".")
        }


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with Ledger.open(f"sqlite:///{tmp_path / 'sdq.db'}") as ledger:
        yield Place(tmp_path, ledger)


@pytest.mark.parametrize("form", ["webdataset", "parquet"])
def test_a_batch_that_grows_gets_new_shards_and_keeps_its_old_ones(place: Place, form: str) -> None:
    if form == "parquet":
        pytest.importorskip("pyarrow")
    place.draw("one", ["a boat", "the sea at night"], range(5))
    place.export("out", "one", form=form)
    before = place.files("out")
    assert sum(path.endswith((".tar", ".parquet")) for path in before) == 3
    done = place.export("out", "one", form=form)
    assert (done.new, done.samples) == ({}, 10)
    assert place.files("out") == before

    place.draw("two", ["a boat", "a tent"], range(6))
    done = place.export("out", "one", "two", form=form)
    assert done.new.total() == 7
    after = place.files("out")
    assert {path for path in before if before[path] != after[path]} <= {
        "README.md",
        "card/words-of-the-prompt.svg",
    }
    assert len(after) == len(before) + 2
    card = (place.home / "out" / "README.md").read_text()
    assert "17 images with their prompts" in card
    assert "(batches one, two)" in card

    place.export("again", "one", form=form)
    assert place.files("again") == before


def test_an_export_that_was_interrupted_ends_as_if_it_had_not_been(place: Place) -> None:
    place.draw("one", ["a boat", "the sea at night", "a tent"], range(4))
    place.export("whole", "one", form="webdataset")
    broken = place.root.path / "one" / "2-2.png"
    kept = broken.read_bytes()
    broken.unlink()
    broken.mkdir()  # what cannot be read at all ends an export
    with pytest.raises(Exception, match="cannot be read"):
        place.export("out", "one", form="webdataset")
    assert list(place.files("out")) == ["train-000000.tar"]
    broken.rmdir()
    broken.write_bytes(kept)
    place.export("out", "one", form="webdataset")
    assert place.files("out") == place.files("whole")


def test_a_missing_image_is_left_out_and_the_card_says_so(place: Place) -> None:
    place.draw("one", ["a boat"], range(3))
    (place.root.path / "one" / "1-1.png").unlink()
    done = place.export("out", "one", form="webdataset")
    assert (done.missing, done.new.total()) == (1, 2)
    with tarfile.open(place.home / "out" / "train-000000.tar") as tar:
        assert len(tar.getnames()) == 6
    card = (place.home / "out" / "README.md").read_text()
    assert "| their file is missing | 1 |" in card
