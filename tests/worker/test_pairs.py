"""Two images at once, as the worker sees it: one is begun after the other, and only what has begun can be blamed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from db.ledger import Ledger
from db.values import BatchState
from tests.worker.test_next_slice import Scene, WatchedEngine
from worker.engine.messages import Began, Event
from worker.pipelines.contract import ImageRequest

pytestmark = pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)

SEEDS = 6

#: Called with what an engine has begun, and what it draws at once with that.
Watch = Callable[[WatchedEngine, int, int | None], None]


@pytest.fixture
def scene(ledger: Ledger, tmp_path: Path, translations: Path) -> Scene:
    scene = Scene(ledger, tmp_path, translations)
    scene.add("b", "a", seeds=SEEDS, guidance_scale=0.0)
    return scene


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Callable[[Watch], None]:
    """Have every engine's beginnings watched."""

    def begin(watch: Watch) -> None:
        asked: dict[tuple[int, int], tuple[int, bool]] = {}  # of an engine, by number
        request, poll = WatchedEngine.request, WatchedEngine.poll

        def note_request(
            engine: WatchedEngine, number: int, of: ImageRequest, *, alone: bool = False
        ) -> None:
            asked[engine.pid, number] = of.seed, alone
            request(engine, number, of, alone=alone)

        def note_event(engine: WatchedEngine, timeout_s: float) -> Event | None:
            event = poll(engine, timeout_s)
            if isinstance(event, Began):
                seed, alone = asked[engine.pid, event.number]
                following, also_alone = asked.get((engine.pid, event.number + 1), (None, True))
                watch(engine, seed, None if alone or also_alone else following)
            return event

        monkeypatch.setattr(WatchedEngine, "request", note_request)
        monkeypatch.setattr(WatchedEngine, "poll", note_event)

    return begin


def attempts(scene: Scene) -> dict[int, int]:
    return {image.seed: image.attempts for image in scene.ledger.batches.images("b")}


def test_an_engine_killed_with_two_in_hand_costs_one_an_attempt_and_loses_none(
    scene: Scene, watch: Callable[[Watch], None]
) -> None:
    pairs = []

    def kill_once(engine: WatchedEngine, seed: int, other: int | None) -> None:
        pairs.append((seed, other))
        if seed == 2 and len(scene.engines) == 1:
            os.kill(engine.pid, signal.SIGKILL)

    watch(kill_once)
    scene.draw()
    assert attempts(scene) == {seed: 2 if seed == 2 else 1 for seed in range(SEEDS)}
    assert (2, 3) in pairs
    assert pairs[-1] == (2, None), "it is drawn once more at the end, and alone"


def test_an_image_that_kills_its_engine_is_given_up_and_no_other_blamed_twice(
    scene: Scene, watch: Callable[[Watch], None]
) -> None:
    def kill(engine: WatchedEngine, seed: int, other: int | None) -> None:
        if 3 in {seed, other}:
            os.kill(engine.pid, signal.SIGKILL)

    watch(kill)
    scene.draw()
    others = attempts(scene)
    assert sorted(others) == [seed for seed in range(SEEDS) if seed != 3]
    assert sorted(others.values()) in ([1] * 5, [1] * 4 + [2]), "of those that were drawn"
    status = scene.ledger.batches.find("b")
    assert status is not None
    assert status.failed == 1


def test_a_stop_with_two_in_hand_hands_back_what_has_not_begun(
    scene: Scene, watch: Callable[[Watch], None]
) -> None:
    def stop(_engine: WatchedEngine, seed: int, _other: int | None) -> None:
        scene.shift.told_to_stop |= seed == 2

    watch(stop)
    scene.draw()
    assert attempts(scene) == dict.fromkeys(range(3), 1)
    (ref,) = scene.ledger.work.open_slices()
    slice_ = scene.ledger.work.load_slice(ref.id)
    assert slice_ is not None
    assert set(scene.ledger.work.progress(slice_).settled) == {0, 1, 2}


def test_a_cancelled_batch_ends_with_what_was_begun(scene: Scene) -> None:
    def cancel() -> None:
        scene.ledger.batches.set_state("b", BatchState.CANCELLED)

    scene.gallery.before = cancel
    scene.draw()
    assert 1 <= scene.told.count("drawn a") <= 3
