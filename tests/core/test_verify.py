"""`verify` finds exactly what is wrong, also in images that batches share, however small its pages are."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import redis
from sqlalchemy import select

import db.upkeep
import db.walk
import sdq.upkeep.leftovers
from db import removal
from db.dispatch import reconcile
from db.ledger import Ledger
from db.tables import slices
from db.values import BatchState
from sdq.upkeep.prune import forget_batch
from sdq.upkeep.verify import Findings, repair, verify
from sdq_core.images.path import image_path
from sdq_core.images.root import MARKER, OutputRoot
from sdq_core.queue.queues import Queues
from tests.ledger.plans import ENGINE, plan, record


class Scene:
    """A ledger, its queues, and an output folder with real files."""

    def __init__(self, folder: Path, ledger: Ledger, connection: redis.Redis) -> None:
        self.ledger = ledger
        self.queues = Queues(connection, ledger.id)
        self.root = OutputRoot(folder / "outputs", home=folder, ledger_id=ledger.id)
        self.engine_id = ledger.work.register_engine(ENGINE)

    def submit(self, name: str, prompts: str, seeds: range) -> None:
        self.ledger.submissions.add(plan(list(prompts), seeds, name=name, slice_size=3))

    def draw(self, choose: Callable[[int], str] = lambda _seed: "done") -> None:
        """Draw what is open, each image by its seed: "done", "failed" or "not"."""
        for ref in self.ledger.work.open_slices():
            slice_ = self.ledger.work.load_slice(ref.id)
            assert slice_ is not None
            settled = self.ledger.work.progress(slice_).settled
            for seed in set(slice_.seeds) - settled.keys():
                end = choose(seed)
                if end == "not":
                    continue
                self.ledger.work.note_attempts(
                    slice_.recipe_id, [seed], engine_id=self.engine_id, slice_id=slice_.id
                )
                if end == "failed":
                    self.ledger.work.record_failure(
                        slice_.recipe_id, seed, slice_id=slice_.id, engine_id=None, error="NaN",
                        final=True,
                    )  # fmt: skip
                    continue
                path = image_path(slice_.batch_name, slice_.entry, seed)
                self.write(path)
                drawn = replace(record(slice_, seed, self.engine_id), path=path)
                data = path.encode()
                self.ledger.work.record_and_go_on(
                    replace(drawn, size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
                )
            self.ledger.work.finish_slice(slice_.id)
        reconcile(self.ledger, self.queues)

    def write(self, path: str, data: bytes | None = None) -> None:
        self.root.store(path.encode() if data is None else data, path)

    def remove(self, path: str) -> None:
        (self.root.path / path).unlink()

    def verify(self, batch: str | None = None) -> Findings:
        return verify(self.ledger, self.queues, self.root, batch=batch)

    def prune(self, name: str) -> None:
        self.ledger.batches.set_state(name, BatchState.CANCELLED)
        status = self.ledger.batches.find(name)
        assert status is not None
        forget_batch(self.ledger, self.queues, self.root, status, keep_files=False)

    def files(self) -> set[str]:
        found = (path for path in self.root.path.rglob("*") if path.is_file())
        return {path.relative_to(self.root.path).as_posix() for path in found} - {MARKER}


@pytest.fixture
def scene(tmp_path: Path, own_ledger: Ledger, connection: redis.Redis) -> Scene:
    return Scene(tmp_path, own_ledger, connection)


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db.walk, "_SLICES_AT_ONCE", 2)
    monkeypatch.setattr(db.upkeep, "_AT_ONCE", 2)
    monkeypatch.setattr(db.upkeep, "KEYS_AT_ONCE", 4)
    monkeypatch.setattr(removal, "SLICES_PER_TRANSACTION", 2)
    monkeypatch.setattr(sdq.upkeep.leftovers, "_DOUBTFUL_AT_ONCE", 2)


def test_an_image_that_batches_share_is_checked_once(scene: Scene) -> None:
    scene.submit("one", "ab", range(10))
    scene.draw()
    scene.submit("two", "bc", range(5, 15))
    scene.submit("three", "bc", range(5, 12))
    scene.draw()
    assert scene.verify().clean
    assert scene.verify().images == 20 + 15
    assert {name: scene.verify(name).images for name in ("one", "two", "three")} == {
        "one": 20, "two": 20, "three": 14
    }  # fmt: skip
    lost = image_path("one", 2, 7)
    scene.remove(lost)
    for batch in (None, "one", "two", "three"):
        assert [image.image.path for image in scene.verify(batch).missing] == [lost]
    assert repair(scene.ledger, scene.queues, scene.root, scene.verify()) == 1
    assert scene.verify().clean


def test_files_that_a_removed_batch_left_for_others_are_theirs(scene: Scene) -> None:
    scene.submit("one", "ab", range(10))
    scene.draw()
    scene.submit("two", "b", range(5, 15))
    scene.submit("three", "b", range(8))
    scene.draw()
    scene.prune("one")
    assert scene.files() == {image_path("one", 2, seed) for seed in range(10)} | {
        image_path("two", 1, seed) for seed in range(10, 15)
    }
    assert scene.verify().clean
    assert scene.verify().images == 15
    scene.write(image_path("one", 2, 10))
    assert scene.verify().strays == [image_path("one", 2, 10)]


def test_a_new_batch_under_a_removed_ones_name_has_no_second_copies_there(scene: Scene) -> None:
    scene.submit("one", "a", range(4))
    scene.draw()
    scene.submit("two", "a", range(4))
    scene.submit("other", "c", range(4))
    scene.draw()
    scene.prune("one")
    scene.submit("one", "c", range(4))  # its own paths are those of the images of "two"
    assert scene.verify().clean
    assert scene.verify("one").clean


def test_what_is_being_drawn_is_no_stray_and_what_failed_is(scene: Scene) -> None:
    scene.submit("one", "a", range(9))
    scene.draw({5: "failed", 7: "not"}.get)  # type: ignore[arg-type]
    for seed in (5, 7, 9):
        scene.write(image_path("one", 1, seed))
    scene.submit("two", "a", range(9))
    scene.write(image_path("two", 1, 3))  # drawn for both at once
    scene.write("two/00001/.sdq-1-00.tmp")
    scene.write("two/00001/mine/notes.txt")
    reconcile(scene.ledger, scene.queues)
    found = scene.verify()
    assert found.strays == [
        image_path("one", 1, 5), image_path("one", 1, 9), "two/00001/mine/notes.txt"
    ]  # fmt: skip
    assert found.spares == [image_path("two", 1, 3)]
    assert found.temporary == []  # it is young
    assert not found.unqueued


def test_slices_that_no_queue_holds_are_found_in_their_batch_only(scene: Scene) -> None:
    scene.submit("one", "a", range(9))
    scene.submit("two", "b", range(9))
    assert scene.verify().unqueued == [1, 2, 3, 4, 5, 6]
    assert scene.verify("two").unqueued == [4, 5, 6]
    scene.ledger.batches.set_state("two", BatchState.PAUSED)
    assert scene.verify().unqueued == [1, 2, 3]
    repair(scene.ledger, scene.queues, scene.root, scene.verify())
    assert scene.verify().clean


@pytest.mark.parametrize("seed", range(8))
def test_any_mixture_of_batches_is_judged_as_by_sets_of_all_paths(scene: Scene, seed: int) -> None:
    chance = random.Random(seed)
    names = ["one", "two", "three", "four"]
    for _ in range(7):
        name = chance.choice(names)
        if chance.random() < 0.25 and scene.ledger.batches.find(name):
            scene.prune(name)
            continue
        first = chance.randrange(6)
        prompts = "".join(chance.sample("abcd", chance.randrange(1, 4)))
        scene.submit(name, prompts, range(first, first + chance.randrange(1, 9)))
        scene.draw(lambda _seed: chance.choice(["done", "done", "failed", "not"]))
    for path in chance.sample(sorted(scene.files()), min(3, len(scene.files()))):
        scene.remove(path)
    for _ in range(40):
        path = image_path(chance.choice(names), chance.randrange(1, 5), chance.randrange(15))
        if path not in scene.files():
            scene.write(path)

    expected = by_sets(scene)
    found = scene.verify()
    assert sorted(image.image.path for image in found.missing) == expected["missing"]
    assert found.strays == expected["strays"]
    assert found.spares == expected["spares"]
    assert found.images == len(expected["known"])
    assert not found.unfit + found.unqueued
    assert found.miscounted == []


def by_sets(scene: Scene) -> dict[str, list[str]]:
    """What is wrong, from sets of all paths."""
    known: set[str] = set()
    wanted: set[str] = set()
    done: set[str] = set()
    with scene.ledger._database.reading() as connection:
        ids = connection.scalars(select(slices.c.id)).all()
    all_slices = [scene.ledger.work.load_slice(number) for number in ids]
    for status in scene.ledger.batches.statuses():
        known.update(image.image.path for image in scene.ledger.batches.images(status.id))
        for slice_ in all_slices:
            if slice_ and slice_.batch_id == status.id:
                settled = scene.ledger.work.progress(slice_).settled
                for seed in slice_.seeds:
                    path = image_path(slice_.batch_name, slice_.entry, seed)
                    if seed not in settled:
                        wanted.add(path)
                    elif settled[seed] == "done":
                        done.add(path)
    files = scene.files()
    return {
        "known": sorted(known),
        "missing": sorted(known - files),
        "strays": sorted(files - known - wanted - done),
        "spares": sorted((files - known - wanted) & done),
    }
