"""An engine is replaced between two images when it has drawn or grown enough."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from sdq_core.errors import UsageError
from tests.worker.watch import PromptEngine, Watch, watch
from worker.drawing.recycling import RecycleAfter, Recycling
from worker.engine.memory import resident_bytes
from worker.service import WorkerOptions

GB = 1 << 30


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Watch]:
    with watch(tmp_path / "home") as scene:
        yield scene


def due(sizes: list[int], after: RecycleAfter | None = None) -> list[int]:
    """After which images an engine with these sizes would be replaced."""
    clock = 0.0
    size: int | None = None
    recycling = Recycling(after, resident_bytes=lambda _pid: size, monotonic=lambda: clock)
    engine = cast(Any, PromptEngine())
    found = []
    for number, size in enumerate(sizes, start=1):  # noqa: B007 - the lambda reads it
        clock += 60
        recycling.note_drawn(engine)
        if recycling.is_due(engine):
            found.append(number)
    return found


@pytest.mark.parametrize("images", [1, 2, 3])
def test_an_engine_draws_so_many_images(scene: Watch, images: int) -> None:
    scene.submit(6, slice_size=4)
    options = WorkerOptions(recycle_after=RecycleAfter(images=images))
    scene.worker(options).work_until(lambda: scene.is_all_drawn)
    assert [engine.images for engine in scene.engines] == [images] * (6 // images)
    assert scene.open_engines == 0


def test_an_engine_above_its_size_is_replaced() -> None:
    assert due([GB, 2 * GB, 3 * GB, GB], RecycleAfter(resident_bytes=2 * GB)) == [3, 4]


def test_by_default_one_that_does_not_grow_stays_for_ever() -> None:
    assert due([GB] * 1000) == []
    assert due([3 * GB] * 10 + [GB] * 1000) == []  # it took more for its first images


def test_by_default_one_that_grows_is_replaced() -> None:
    (first, *_) = due([GB + number * (GB // 100) for number in range(200)])
    assert 60 <= first <= 90
    (first, *_) = due([GB // 10 + number * (GB // 100) for number in range(200)])
    assert 65 <= first <= 75  # 512 MiB are nothing to worry about


def test_the_resident_size_of_a_process_is_found() -> None:
    own = resident_bytes(os.getpid())
    assert own is not None
    assert 10**7 < own < 10**10
    assert resident_bytes(2**22 + 1) is None


def test_limits_as_people_write_them() -> None:
    assert RecycleAfter.parse("500") == RecycleAfter(images=500)
    assert RecycleAfter.parse("4000MB") == RecycleAfter(resident_bytes=4_000_000_000)
    assert RecycleAfter.parse(" 4 gb ") == RecycleAfter(resident_bytes=4_000_000_000)


@pytest.mark.parametrize("text", ["", "0", "-1", "MB", "1.5GB", "many"])
def test_other_limits_are_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(UsageError, match="neither a number of images nor a size: write 500"):
        RecycleAfter.parse(text)
