"""Files that are somebody else's are never written over, and what an attempt of one's own left is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from db.ledger import Ledger
from db.values import BatchPlan, BatchState, ImageRecord, Slice
from sdq_core.images.filing import Filing
from sdq_core.images.root import OutputRoot
from sdq_core.images.store import opened_folder, write_file
from sdq_core.values.image_files import DEFAULT_PATH_TEMPLATE, ImageFormat
from tests.ledger.plans import ENGINE, plan
from tests.worker.studio import grey_image
from worker.claims.open_slice import OpenSlice
from worker.drawing.saving import Gallery

LONG_AGO = 1_000_000_000


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(f"sqlite:///{tmp_path / 'sdq.db'}") as opened:
        yield opened


class Desk:
    """A worker's desk without an engine: images are drawn in one grey."""

    def __init__(self, ledger: Ledger, folder: Path) -> None:
        self.ledger = ledger
        self.root = OutputRoot(folder / "outputs", home=folder, ledger_id=ledger.id)
        self.outputs = self.root.path
        self.engine_id = ledger.work.register_engine(ENGINE)

    def submit(
        self,
        name: str,
        prompt: str = "a",
        template: str = DEFAULT_PATH_TEMPLATE,
        image_format: ImageFormat = ImageFormat.PNG,
    ) -> Slice:
        filing = Filing.make(template, image_format)
        planned: BatchPlan = replace(plan([prompt], [7], name=name), options=filing.to_options())
        (ref,) = self.ledger.submissions.add(planned).slices
        slice_ = self.ledger.work.load_slice(ref.id)
        assert slice_ is not None
        return slice_

    def save(self, slice_: Slice, *, grey: int = 0, with_metadata: bool = True) -> ImageRecord:
        """Draw the slice's image as far as its file."""
        opened = OpenSlice.of(self.ledger, slice_, queue_wait_ms=0)
        work = self.ledger.work
        work.reserve(slice_.recipe_id, 7, slice_id=slice_.id)
        work.note_attempts(slice_.recipe_id, [7], engine_id=self.engine_id, slice_id=slice_.id)
        return Gallery(self.root, with_metadata=with_metadata).save(
            slice_, 7, grey_image(grey),
            engine_id=self.engine_id, engine=ENGINE, queue_wait_ms=0,
            begun_before=7 in opened.begun_before,
            noted_path=lambda: work.noted_path(slice_.recipe_id, 7),
            is_anothers=lambda path: work.is_anothers(path, slice_.recipe_id, 7),
        )  # fmt: skip

    def draw(self, slice_: Slice, **how: int) -> str:
        """Draw the slice's image and record it; return its path."""
        record = self.save(slice_, **how)
        assert self.ledger.work.record_and_go_on(record).new
        self.ledger.work.finish_slice(slice_.id)
        return record.path

    def forget(self, name: str) -> None:
        """Do as `sdq prune --keep-files`."""
        self.ledger.batches.set_state(name, BatchState.CANCELLED)
        batch_id = self.ledger.upkeep.begin_pruning(name)
        while not self.ledger.upkeep.prune_page(batch_id).last:
            pass

    def put(self, path: str, data: bytes = b"mine", *, mtime: float | None = None) -> Path:
        file = self.outputs / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        if mtime is not None:
            os.utime(file, (mtime, mtime))
        return file


@pytest.fixture
def desk(ledger: Ledger, tmp_path: Path) -> Desk:
    return Desk(ledger, tmp_path)


OWN, BESIDE = "b/00001/00001-7.png", "b/00001/00001-7-2.png"


def test_files_that_prune_left_to_the_user_stay_as_they_are(desk: Desk) -> None:
    assert desk.draw(desk.submit("b")) == OWN
    kept = desk.outputs / OWN
    os.utime(kept, (LONG_AGO, LONG_AGO))
    before = kept.read_bytes()
    desk.forget("b")
    assert desk.draw(desk.submit("b", "another prompt")) == BESIDE
    assert kept.read_bytes() == before
    assert (desk.outputs / BESIDE).read_bytes() != before


def test_they_stay_also_if_a_worker_died_between_file_and_row(desk: Desk) -> None:
    desk.draw(desk.submit("b"), grey=1)
    kept = desk.outputs / OWN
    os.utime(kept, (LONG_AGO, LONG_AGO))
    desk.forget("b")
    slice_ = desk.submit("b")  # the same image, drawn by another engine
    assert desk.save(slice_, grey=2).path == BESIDE
    assert desk.draw(slice_, grey=3) == BESIDE  # over what the first attempt left
    assert kept.stat().st_mtime == LONG_AGO
    assert sorted(path.name for path in kept.parent.iterdir()) == ["00001-7-2.png", "00001-7.png"]


def test_an_image_that_is_the_same_to_the_byte_takes_its_file_up_again(desk: Desk) -> None:
    desk.draw(desk.submit("b"))
    kept = (desk.outputs / OWN).stat()
    desk.forget("b")
    assert desk.draw(desk.submit("b")) == OWN  # as after a power cut that took the row
    found = (desk.outputs / OWN).stat()
    assert (found.st_ino, found.st_mtime_ns) == (kept.st_ino, kept.st_mtime_ns)


@pytest.mark.parametrize("image_format", [ImageFormat.PNG, ImageFormat.JPG, ImageFormat.WEBP])
def test_what_an_attempt_left_is_written_over(desk: Desk, image_format: ImageFormat) -> None:
    slice_ = desk.submit("b", "a boat", "{slug}/{seed}", image_format)
    path = f"a-boat/7.{image_format}"
    assert desk.save(slice_, grey=1).path == path
    assert desk.draw(slice_, grey=200) == path
    assert [file.name for file in (desk.outputs / "a-boat").iterdir()] == [f"7.{image_format}"]


def test_a_users_own_file_in_an_images_place_stays(desk: Desk) -> None:
    slice_ = desk.submit("b")
    mine = desk.put(OWN)
    (desk.outputs / BESIDE).mkdir()
    record = desk.save(slice_)
    assert record.path == "b/00001/00001-7-3.png"
    newer = desk.put(OWN, b"mine again")  # also at the second attempt
    assert desk.draw(slice_, grey=1) == record.path
    assert (mine, newer.read_bytes()) == (newer, b"mine again")


def test_a_damaged_file_is_replaced(desk: Desk) -> None:
    slice_ = desk.submit("b")
    desk.draw(slice_)
    desk.put(OWN, b"damaged", mtime=LONG_AGO)
    assert desk.ledger.upkeep.take_back([(slice_.recipe_id, 7)]) == 1
    assert desk.draw(slice_) == OWN
    assert (desk.outputs / OWN).read_bytes() != b"damaged"


@pytest.mark.parametrize("with_metadata", [True, False])
def test_images_of_two_batches_with_one_path_have_two_files(
    desk: Desk, *, with_metadata: bool
) -> None:
    records = [
        desk.save(desk.submit(name, name, "x/{seed}"), with_metadata=with_metadata)
        for name in ("one", "two")
    ]
    # without metadata their bytes are equal
    assert [record.path for record in records] == ["x/7.png", "x/7-2.png"]


def test_a_file_that_appears_in_between_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"mine")
    with opened_folder(tmp_path) as folder:
        with pytest.raises(FileExistsError):
            write_file(b"x", "a.png", folder, replace=False)
        assert write_file(b"x", "b.png", folder, replace=False).size_bytes == 1
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "a.png": b"mine",
        "b.png": b"x",
    }


def test_where_there_are_no_hard_links_it_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")  # as exFAT answers

    monkeypatch.setattr("os.link", refuse)
    test_a_file_that_appears_in_between_is_not_replaced(tmp_path)


def test_the_format_is_the_batchs_own(desk: Desk) -> None:
    for kind, magic in ((ImageFormat.JPG, b"\xff\xd8"), (ImageFormat.WEBP, b"RIFF")):
        path = desk.draw(desk.submit(str(kind), str(kind), "{slug}", kind))
        assert path == f"{kind}.{kind}"
        assert (desk.outputs / path).read_bytes().startswith(magic)
