"""The engine never waits for a slice's end: the next slice's first image is in its pipe before."""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import pytest
import redis

from db.ledger import Ledger
from db.values import BatchPlan, BatchState, PlannedEntry
from sdq_core.models import DEMO, ModelStore
from sdq_core.queue.queues import Queues
from sdq_core.values.recipes import Recipe
from sdq_core.values.variants import AttentionImplementation, ComputeUnit, Variant
from tests.acceptance.program import Program, assert_whole, stop
from tests.core.small_ledger import counts
from tests.worker.studio import MeetingGallery, StoppableShift, make_studio
from worker.claims.claims import Outcome
from worker.claims.open_slice import OpenSlice
from worker.drawing.drawing import Drawing
from worker.engine.handle import Deadlines, Engine
from worker.engine.messages import Began, Drawn, Event, Launch
from worker.pipelines.contract import ImageRequest

FOLDER = ModelStore(Path("nowhere")).find(DEMO, AttentionImplementation.ORIGINAL)
VARIANT = Variant(
    model=DEMO,
    revision=FOLDER.revision,
    attention_implementation=AttentionImplementation.ORIGINAL,
    compute_unit=ComputeUnit.ALL,
)


class WatchedEngine(Engine):
    """Notes what it is asked for and what it gives, by prompt."""

    def __init__(self, launch: Launch, told: list[str]) -> None:
        super().__init__(launch, Deadlines())
        self._told = told
        self._prompts: dict[int, str] = {}

    def request(self, number: int, request: ImageRequest, *, alone: bool = False) -> None:
        self._prompts[number] = request.prompt
        self._told.append(f"asked {request.prompt} {request.seed}")
        super().request(number, request, alone=alone)

    def poll(self, timeout_s: float) -> Event | None:
        event = super().poll(timeout_s)
        if isinstance(event, Drawn):
            self._told.append(f"drawn {self._prompts[event.number]}")
        return event


class Scene:
    """Slices that wait, a studio to draw them in, and what was told of both."""

    def __init__(self, ledger: Ledger, folder: Path, translations: Path) -> None:
        self.ledger = ledger
        self.told: list[str] = []
        self.closed: list[tuple[str, Outcome]] = []
        self.waiting: deque[OpenSlice] = deque()
        self.urgent = False
        self.shift = StoppableShift()
        self.engines: list[WatchedEngine] = []
        self.gallery = MeetingGallery(folder / "outputs")

        def start(which: Variant) -> Engine:
            launch = Launch(
                folder=FOLDER,
                compute_unit=which.compute_unit,
                cache=translations,
                threads=1,
            )
            self.engines.append(WatchedEngine(launch, self.told))
            return self.engines[-1]

        self.studio = make_studio(ledger, self.gallery, start, shift=self.shift)

    def add(
        self,
        batch: str,
        *prompts: str,
        seeds: int = 1,
        steps: int = 8,
        guidance_scale: float = 7.5,
    ) -> None:
        """Submit a batch; its slices wait."""
        entries = [
            PlannedEntry(
                recipe=Recipe(
                    variant=VARIANT,
                    prompt=prompt,
                    width=128,
                    height=128,
                    num_inference_steps=steps,
                    guidance_scale=guidance_scale,
                ),
                seeds=tuple(range(seeds)),
            )
            for prompt in prompts
        ]
        submission = self.ledger.submissions.add(
            BatchPlan(name=batch, source_name=batch, source="-", key=batch, entries=entries)
        )
        for ref in submission.slices:
            slice_ = self.ledger.work.load_slice(ref.id)
            assert slice_ is not None
            self.waiting.append(OpenSlice.of(self.ledger, slice_, queue_wait_ms=0))

    def draw(self) -> None:
        drawing = Drawing(self.studio, VARIANT, self)
        try:
            while self.waiting and not (self.shift.stopping or self.urgent):
                drawing.run(self.waiting.popleft())
        finally:
            self.studio.engines.close()

    def take(self, pinned: Sequence[Variant]) -> OpenSlice | None:
        assert list(pinned) == [VARIANT]
        return self.waiting.popleft() if self.waiting else None

    def take_over(self, pinned: Sequence[Variant]) -> OpenSlice | None:
        return None

    take_ahead = take_over

    def is_outranked(self, open_slice: OpenSlice) -> bool:
        return self.urgent

    def holds(self, open_slice: OpenSlice) -> bool:
        return True

    def is_claimed(self, slice_id: int) -> bool:
        return False

    def close(self, open_slice: OpenSlice, outcome: Outcome) -> None:
        self.closed.append((open_slice.recipe.prompt, outcome))

    def attempts(self, batch: str) -> dict[str, int]:
        return {image.recipe.prompt: image.attempts for image in self.ledger.batches.images(batch)}


@pytest.fixture
def scene(ledger: Ledger, tmp_path: Path, translations: Path) -> Scene:
    return Scene(ledger, tmp_path, translations)


def test_the_next_slice_is_asked_for_before_this_one_is_drawn(scene: Scene) -> None:
    scene.add("b", "a", "b", "c", "d")
    scene.draw()
    assert scene.told == [
        "asked a 0", "asked b 0", "drawn a", "asked c 0", "drawn b", "asked d 0", "drawn c", "drawn d",
    ]  # fmt: skip
    assert scene.closed == [(prompt, Outcome.FINISHED) for prompt in "abcd"]
    assert scene.attempts("b") == dict.fromkeys("abcd", 1)


def test_steps_that_the_model_cannot_take_pause_nothing(scene: Scene) -> None:
    """Whoever asks for them would else stop all others."""
    scene.add("b", "a", seeds=12, steps=1001)
    scene.draw()
    status = scene.ledger.batches.find("b")
    assert status is not None
    assert status.failed == 12
    assert scene.ledger.variants.paused() == []


def test_a_stop_takes_the_next_slice_back(scene: Scene) -> None:
    scene.add("b", "a", "b", "c")
    request = WatchedEngine.request

    def stop_at_the_second(
        engine: WatchedEngine, number: int, asked: ImageRequest, **how: bool
    ) -> None:
        request(engine, number, asked, **how)
        scene.shift.told_to_stop = asked.prompt == "b"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WatchedEngine, "request", stop_at_the_second)
        scene.draw()
    assert scene.closed == [("a", Outcome.FINISHED)]
    assert scene.attempts("b") == {"a": 1}
    assert len(scene.waiting) == 1, "nothing was taken after the stop"
    for ref in scene.ledger.work.open_slices():
        slice_ = scene.ledger.work.load_slice(ref.id)
        assert slice_ is not None
        assert (
            not any(scene.ledger.work.progress(slice_).attempts.values())
            or slice_.recipe.prompt == "a"
        )


@pytest.mark.parametrize("guidance_scale", [7.5, 0.0])
@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
def test_drawing_gives_way_after_the_current_image_and_keeps_its_engine(
    scene: Scene, guidance_scale: float
) -> None:
    scene.add("b", "a", "b", seeds=5, guidance_scale=guidance_scale)

    def something_urgent() -> None:
        scene.urgent = True

    scene.gallery.before = something_urgent  # an image is drawn, and the engine has begun the next
    drawing = Drawing(scene.studio, VARIANT, scene)
    drawing.run(scene.waiting.popleft())
    drawn = scene.attempts("b")
    # Without guidance the second is ready when the first is, and the third is begun.
    most = 2 if guidance_scale else 3
    assert 1 <= scene.told.count("drawn a") <= most, "no more than what was begun"
    assert scene.closed == []
    assert list(drawn) == ["a"] * len(drawn)
    scene.urgent = False
    scene.waiting.clear()
    for ref in scene.ledger.work.open_slices():
        slice_ = scene.ledger.work.load_slice(ref.id)
        assert slice_ is not None
        scene.waiting.append(OpenSlice.of(scene.ledger, slice_, queue_wait_ms=0))
    scene.gallery.before = lambda: None
    scene.draw()
    assert scene.closed == [("a", Outcome.FINISHED), ("b", Outcome.FINISHED)]
    assert scene.attempts("b") == {"a": 1, "b": 1}
    assert len(scene.engines) == 1


def test_an_engine_that_dies_costs_the_next_slice_no_attempt(scene: Scene) -> None:
    scene.add("b", "a", "b")
    poll = WatchedEngine.poll

    def die_in_the_first(engine: WatchedEngine, timeout_s: float) -> Event | None:
        event = poll(engine, timeout_s)
        if isinstance(event, Began) and len(scene.engines) == 1:
            os.kill(engine.pid, signal.SIGKILL)
        return event

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WatchedEngine, "poll", die_in_the_first)
        scene.draw()
    assert sorted(scene.closed) == [("a", Outcome.FINISHED), ("b", Outcome.FINISHED)]
    assert scene.attempts("b") == {"a": 2, "b": 1}


def test_an_engine_that_dies_at_a_stop_is_not_missed(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.add("b", "a", "b")
    request = WatchedEngine.request

    def die_at_the_second(
        engine: WatchedEngine, number: int, asked: ImageRequest, **how: bool
    ) -> None:
        request(engine, number, asked, **how)
        if asked.prompt == "b":
            os.kill(engine.pid, signal.SIGKILL)
            scene.shift.told_to_stop = True

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WatchedEngine, "request", die_at_the_second)
        scene.draw()
    assert scene.closed == []
    assert len(scene.engines) == 1
    assert len([told for told in caplog.messages if "ended by SIGKILL" in told]) == 1


def test_a_cancelled_batch_does_not_stop_the_next_one(scene: Scene) -> None:
    scene.add("cancelled", "a", "b", seeds=3)
    scene.add("wanted", "c")
    drawn = 0

    def cancel_at_the_third() -> None:
        nonlocal drawn
        drawn += 1
        if drawn == 3:  # the last one of "a"; the first one of "b" is in the pipe
            scene.ledger.batches.set_state("cancelled", BatchState.CANCELLED)

    scene.gallery.before = cancel_at_the_third
    scene.draw()
    assert scene.closed == [
        ("a", Outcome.FINISHED), ("b", Outcome.UNWANTED), ("c", Outcome.FINISHED),
    ]  # fmt: skip
    assert "asked b 2" not in scene.told
    assert scene.attempts("wanted") == {"c": 1}
    status = scene.ledger.batches.find("cancelled")
    assert status is not None
    assert status.completed in (3, 4), "what the engine had begun is kept"


def test_what_is_queued_twice_is_drawn_once(program: Program, tmp_path: Path) -> None:
    prompts = tmp_path / "two.txt"
    prompts.write_text("the sea\nthe mountains\n")
    program.call("submit", str(prompts), "--seed", "0", "--steps", "2")
    with program.ledger() as ledger, redis.Redis.from_url(program.redis.url) as client:
        queues = Queues(client, ledger.id)
        (key,) = counts(queues)
        queue = queues.queue(key)
        client.lpush(queue.key, queues.job_id(2), queues.job_id(1))
        client.rpush(queue.key, *[queues.job_id(1)] * 9)  # some of these come when it is finished
        program.call("worker", "--burst")
        assert not client.exists(queue.failed_job_registry.key)
        assert client.llen(queue.key) == client.llen(queue.intermediate_queue_key) == 0
    images = program.drawn("two")
    assert_whole(program.home, images, 2)
    assert [image.attempts for image in images] == [1, 1]


def test_a_claim_that_redis_lost_is_made_again(program: Program) -> None:
    program.call("submit", "--prompt", "the sea", "--seed", "0", "--steps", "1000", "--batch", "b")
    with program.ledger() as ledger, redis.Redis.from_url(program.redis.url) as client:
        queues = Queues(client, ledger.id)
        (key,) = counts(queues)
        claims = queues.queue(key).started_job_registry.key
        program.start("worker")
        program.wait_until(lambda: client.zcard(claims) == 1)
        client.flushall()
        program.wait_until(lambda: client.zcard(claims) == 1, timeout_s=15)


def test_what_a_stopped_worker_hands_back_is_in_its_old_order(
    program: Program, tmp_path: Path
) -> None:
    prompts = tmp_path / "many.txt"
    prompts.write_text("".join(f"the sea, number {number}\n" for number in range(8)))
    program.call("submit", str(prompts), "--seed", "0", "--steps", "20")
    worker = program.start("worker")
    program.wait_for_images("many", 1)
    assert stop(worker) == 0
    done = len(program.drawn("many"))
    assert done < 8
    with program.ledger() as ledger, redis.Redis.from_url(program.redis.url) as client:
        queues = Queues(client, ledger.id)
        (key,) = counts(queues)
        expected = [queues.job_id(number).encode() for number in range(done + 1, 9)]
        assert client.lrange(queues.queue(key).key, 0, -1) == expected
