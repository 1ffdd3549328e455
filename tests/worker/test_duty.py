"""A worker draws within its hours and limits, and leaves the rest to others in order."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sdq_core.values.hours import Hours, time_of_day
from tests.worker.watch import Watch, watch
from worker.duty.awake import Awake
from worker.duty.limits import Limits
from worker.service import WorkerOptions


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Watch]:
    with watch(tmp_path / "home") as scene:
        yield scene


def evening() -> datetime:
    """23:00 by the local clock."""
    clock = time_of_day("23:00")
    assert clock is not None
    return datetime.combine(datetime(2026, 11, 25), clock).astimezone(UTC)


def test_a_window_that_closes_and_opens_again(scene: Watch) -> None:
    scene.submit(12)
    scene.time = evening()
    rests: list[int] = []

    def at_three() -> None:
        if scene.drawn == 3:
            scene.forward(9)  # 08:00

    def look() -> bool:
        if scene.is_all_drawn:
            return True
        rests.append(scene.drawn)
        assert scene.open_engines == 0  # nothing in memory
        assert not scene.queues.holdings().claimed  # and nothing held back from others
        scene.forward(15)  # 23:00
        return False

    scene.on_image = at_three
    worker = scene.worker(WorkerOptions(limits=Limits(hours=Hours.parse("22:00-07:00"))))
    worker.work_until(look)
    assert scene.drawn == 12
    (rested_at,) = rests
    assert 3 <= rested_at <= 4  # the image in hand is kept
    assert len(scene.engines) == 2


def test_until_ends_the_worker_in_order(scene: Watch, caplog: pytest.LogCaptureFixture) -> None:
    scene.submit(12)
    until = scene.time
    scene.forward(-1)

    def at_three() -> None:
        if scene.drawn == 3:
            scene.time = until

    scene.on_image = at_three
    caplog.set_level(logging.INFO)
    scene.worker(WorkerOptions(limits=Limits(until=until))).work_until(lambda: False)
    assert 3 <= scene.drawn <= 4
    assert scene.open_engines == 0
    assert not scene.queues.holdings().claimed
    assert caplog.text.count("the end of --until. Stopping once the current image is saved.") == 1


@pytest.mark.parametrize("most", [1, 2, 5])
def test_as_many_images_as_allowed_and_none_begun_beyond(scene: Watch, most: int) -> None:
    scene.submit(12)
    scene.worker(WorkerOptions(limits=Limits(max_images=most))).work_until(lambda: False)
    assert scene.drawn == most
    assert sum(engine.images for engine in scene.engines) == most
    assert not scene.queues.holdings().claimed


def test_an_idle_worker_ends_when_its_time_is_over(
    scene: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    scene.worker(WorkerOptions(limits=Limits(max_s=1.0))).work_until(lambda: False)
    assert "The time of --max-minutes is over." in caplog.text


def test_an_engine_without_work_leaves_memory(scene: Watch) -> None:
    scene.submit(4)
    looks: list[int] = []

    def look() -> bool:
        looks.append(scene.open_engines)
        return scene.drawn == 4 and scene.open_engines == 0

    scene.worker(WorkerOptions(unload_after_s=0.1)).work_until(look)
    assert len(scene.engines) == 1


def test_one_that_draws_stays_while_another_leaves_memory(scene: Watch) -> None:
    scene.submit(8, variants=2)
    open_engines: list[int] = []

    def note() -> None:
        open_engines.append(scene.open_engines)
        if scene.drawn > 8:  # the second variant's turn
            time.sleep(0.1)

    scene.on_image = note
    worker = scene.worker(WorkerOptions(unload_after_s=0.2))
    worker.work_until(lambda: scene.is_all_drawn)
    assert len(scene.engines) == 2
    assert open_engines[-1] == 1


def test_the_machine_is_kept_awake_only_while_the_worker_draws(scene: Watch) -> None:
    scene.submit(3)
    awake = Awake(["cat"])
    held: list[int | None] = []
    scene.on_image = lambda: held.append(awake.pid)

    def look() -> bool:
        assert awake.pid is None
        return scene.is_all_drawn

    scene.worker(WorkerOptions(), awake=awake).work_until(look)
    assert len(set(held)) == 1
    assert None not in held
