"""An engine is replaced between two images when it has drawn or grown enough."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from sdq_core.errors import UsageError
from sdq_core.values.variants import AttentionImplementation, ComputeUnit, Variant
from tests.worker.watch import PromptEngine, Watch, watch
from worker.drawing.recycling import RecycleAfter, Recycling
from worker.service import WorkerOptions

GB = 1 << 30
USUAL = Variant(
    model="m",
    revision="r",
    attention_implementation=AttentionImplementation.ORIGINAL,
    compute_unit=ComputeUnit.ALL,
)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Watch]:
    with watch(tmp_path / "home") as scene:
        yield scene


def due(
    sizes: list[int],
    after: RecycleAfter | None = None,
    *,
    max_memory: int | None = None,
    replace: bool = False,
) -> list[int]:
    """After which images an engine with these sizes would be replaced. replace: and is; the next has the next size."""
    clock = 0.0
    size: int | None = None
    recycling = Recycling(
        after, max_memory=max_memory, memory_bytes=lambda _pid: size, monotonic=lambda: clock
    )
    engine = cast(Any, PromptEngine())
    found = []
    for number, size in enumerate(sizes, start=1):  # noqa: B007 - the lambda reads it
        clock += 60
        recycling.note_drawn(engine)
        if recycling.is_due(USUAL, engine):
            found.append(number)
            if replace:
                engine = cast(Any, PromptEngine())
    return found


@pytest.mark.parametrize("images", [1, 2, 3])
def test_an_engine_draws_so_many_images(scene: Watch, images: int) -> None:
    scene.submit(6, slice_size=4)
    options = WorkerOptions(recycle_after=RecycleAfter(images=images))
    scene.worker(options).work_until(lambda: scene.is_all_drawn)
    assert [engine.images for engine in scene.engines] == [images] * (6 // images)
    assert scene.open_engines == 0


def test_an_engine_above_its_size_is_replaced() -> None:
    assert due([GB, 2 * GB, 3 * GB, GB], RecycleAfter(memory_bytes=2 * GB)) == [3, 4]
    assert due([GB, 2 * GB, 3 * GB, GB], max_memory=2 * GB) == [3, 4]
    both = due([GB, 2 * GB], RecycleAfter(images=9), max_memory=GB + 1)
    assert both == [2]


def test_one_that_is_soon_as_large_again_is_left_for_fifty_images() -> None:
    sizes = [GB, 3 * GB] * 60
    assert due(sizes, max_memory=2 * GB, replace=True) == [2, 52, 102]


@pytest.mark.parametrize("after", [RecycleAfter(memory_bytes=GB), None])
def test_one_that_is_too_large_from_the_start_draws_on_and_says_so_once(
    after: RecycleAfter | None, caplog: pytest.LogCaptureFixture
) -> None:
    assert due([3 * GB] * 200, after, max_memory=2 * GB) == []
    (said,) = [record.getMessage() for record in caplog.records]
    assert "takes 3.2 GB, more than the" in said
    # Growing without end is another matter.
    (first, *_) = due([3 * GB + number * (GB // 10) for number in range(60)], max_memory=2 * GB)
    assert 40 <= first <= 50


def test_a_worker_whose_only_engine_is_too_large_has_its_parts_take_turns_in_the_next(
    scene: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    scene.submit(6, slice_size=4)
    scene.worker(WorkerOptions(max_memory=10**6)).work_until(lambda: scene.is_all_drawn)
    first, second = (engine.images for engine in scene.engines)
    assert first + second == 6
    assert first <= 3  # some were asked for already
    assert sum("may take 0.0 GB: each is" in record.getMessage() for record in caplog.records) == 1


def test_by_default_one_that_does_not_grow_stays_for_ever() -> None:
    assert due([GB] * 1000) == []
    assert due([3 * GB] * 10 + [GB] * 1000) == []  # it took more for its first images


def test_by_default_one_that_grows_is_replaced() -> None:
    (first, *_) = due([GB + number * (GB // 100) for number in range(200)])
    assert 60 <= first <= 90
    (first, *_) = due([GB // 10 + number * (GB // 100) for number in range(200)])
    assert 65 <= first <= 75  # 512 MiB are nothing to worry about


def test_limits_as_people_write_them() -> None:
    assert RecycleAfter.parse("500") == RecycleAfter(images=500)
    assert RecycleAfter.parse("4000MB") == RecycleAfter(memory_bytes=4_000_000_000)
    assert RecycleAfter.parse(" 4 gb ") == RecycleAfter(memory_bytes=4_000_000_000)


@pytest.mark.parametrize("text", ["", "0", "-1", "MB", "0GB", "many"])
def test_other_limits_are_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(UsageError, match="neither a number of images nor a size: write 500"):
        RecycleAfter.parse(text)
