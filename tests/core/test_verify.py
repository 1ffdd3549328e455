"""`verify` finds exactly what is wrong, also in images that batches share, however small its pages are."""

from __future__ import annotations

import hashlib
import os
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
from sdq_core.images.filing import Filing
from sdq_core.images.path import image_path
from sdq_core.images.root import MARKER, OutputRoot
from sdq_core.images.tokens import PathFacts
from sdq_core.queue.queues import Queues
from sdq_core.values.image_files import DEFAULT_PATH_TEMPLATE, ImageFormat
from tests.ledger.plans import ENGINE, plan, recipe, record


class Scene:
    """A ledger, its queues, and an output folder with real files. template: of all batches."""

    template = DEFAULT_PATH_TEMPLATE
    image_format = ImageFormat.PNG

    def __init__(self, folder: Path, ledger: Ledger, connection: redis.Redis) -> None:
        self.ledger = ledger
        self.queues = Queues(connection, ledger.id)
        self.root = OutputRoot(folder / "outputs", home=folder, ledger_id=ledger.id)
        self.engine_id = ledger.work.register_engine(ENGINE)

    def submit(self, name: str, prompts: str, seeds: range) -> None:
        planned = plan(list(prompts), seeds, name=name, slice_size=3)
        self.ledger.submissions.add(replace(planned, options=self.filing.to_options()))

    @property
    def filing(self) -> Filing:
        return Filing.make(self.template, self.image_format)

    def path(self, name: str, entry: int, seed: int) -> str:
        """The path of an image by its numbers, which the templates here are made of."""
        facts = PathFacts(batch_name=name, entry=entry, seed=seed, recipe=recipe("?"))
        return self.filing.path(facts)

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
                path = slice_.filing.path(slice_.path_facts(seed))
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
    monkeypatch.setattr(db.upkeep, "_CHECKED_AT_ONCE", 2)
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
        assert [file.path for file in scene.verify(batch).missing] == [lost]
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
    templates = [DEFAULT_PATH_TEMPLATE, "{batch}/{seed}-{index}", "all/{batch}-{index}/{seed}"]
    scene.template = templates[seed % 3]
    scene.image_format = [ImageFormat.PNG, ImageFormat.JPG][seed // 3 % 2]
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
        path = scene.path(chance.choice(names), chance.randrange(1, 5), chance.randrange(15))
        if path not in scene.files():
            scene.write(path)

    expected = by_sets(scene)
    found = scene.verify()
    assert sorted(file.path for file in found.missing) == expected["missing"]
    assert found.strays == expected["strays"]
    assert found.spares == expected["spares"]
    assert found.images == len(expected["known"])
    assert not found.unfit + found.unqueued
    assert found.miscounted == []


def test_batches_that_share_a_folder_are_verified_and_pruned_one_by_one(scene: Scene) -> None:
    scene.submit("old", "d", range(3))
    scene.template, scene.image_format = "{slug}-{seed}", ImageFormat.WEBP
    scene.submit("one", "ab", range(4))
    scene.submit("two", "bc", range(2, 6))
    scene.draw({3: "not"}.get)  # type: ignore[arg-type]
    scene.write("a-3.webp")  # a worker was killed before it wrote the row
    scene.write("sheet.png")
    scene.write("mine/notes.txt")
    for batch in ("old", "one", "two"):
        assert scene.verify(batch).clean, batch
    assert scene.verify().strays == ["mine/notes.txt"]
    scene.remove("a-0.webp")
    assert [file.path for file in scene.verify("one").missing] == ["a-0.webp"]
    scene.write("a-0.webp")
    scene.prune("one")
    assert scene.files() == {
        "a-3.webp", "b-2.webp", "b-4.webp", "b-5.webp", "c-2.webp", "c-4.webp", "c-5.webp",
        "sheet.png", "mine/notes.txt", *(image_path("old", 1, seed) for seed in (0, 1, 2)),
    }  # fmt: skip
    scene.prune("two")
    scene.prune("old")
    assert scene.files() == {"a-3.webp", "sheet.png", "mine/notes.txt"}


def test_what_a_former_batch_left_to_the_user_is_no_second_copy(scene: Scene) -> None:
    scene.submit("other", "a", range(3))
    kept = [image_path("one", 1, seed) for seed in range(3)]
    for path in kept:
        scene.write(path)
        os.utime(scene.root.path / path, (10**9, 10**9))  # long before the batch of that name
    scene.draw()
    scene.submit("one", "ab", range(3))
    assert scene.verify().strays == scene.verify("one").strays == kept
    repair(scene.ledger, scene.queues, scene.root, scene.verify())
    scene.prune("one")
    assert set(kept) <= scene.files()


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
                    path = slice_.filing.path(slice_.path_facts(seed))
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
