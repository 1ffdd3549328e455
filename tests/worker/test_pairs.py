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

SEEDS = 5

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


def test_of_two_in_hand_of_an_engine_that_dies_one_is_blamed_and_then_drawn_alone(
    scene: Scene, watch: Callable[[Watch], None]
) -> None:
    begun: list[tuple[int, int | None]] = []
    deaths: list[int] = []

    def kill_for_an_image(engine: WatchedEngine, seed: int, other: int | None) -> None:
        assert other is None or not {seed, other} & set(deaths), "nothing is lost with it again"
        begun.append((seed, other))
        if 3 in {seed, other} and len(deaths) < 2:
            deaths.append(seed)
            os.kill(engine.pid, signal.SIGKILL)

    watch(kill_for_an_image)
    scene.draw()
    tried = attempts(scene)
    assert tried == {seed: 1 + deaths.count(seed) for seed in range(SEEDS)}
    assert all(count <= 2 for seed, count in tried.items() if seed != 3), "once for its neighbour"
    assert any(other is not None for _, other in begun)
    assert len(scene.engines) == 3


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
