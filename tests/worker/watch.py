"""A worker in this process, with real queues, ledger and files, and an engine that answers at once."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import numpy as np

from db.dispatch import reconcile
from db.ledger import Ledger
from db.values import Slice
from sdq_core.queue.connection import connect
from sdq_core.queue.queues import Queues
from sdq_core.queue.server import RedisServer
from sdq_core.settings import Settings
from tests.core.small_ledger import small_plan
from worker.duty.duty import Duty
from worker.engine.messages import Began, Drawn, Event, Ready, Stepped, Withdrawn
from worker.engine.pool import EnginePool
from worker.loop import Worker
from worker.pipelines.contract import DrawnImage, ImageRequest
from worker.service import WorkerOptions, make_worker

IMAGE = DrawnImage(
    pixels=np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8),
    pipeline="none", truncated_tokens=0, nsfw_flagged=None, concept_scores={}, text_encode_ms=1.0,
    denoise_ms=1.0, num_unet_calls=2, decode_ms=1.0, safety_ms=1.0,
)  # fmt: skip


class PromptEngine:
    """Draws at once, in order, whatever it is asked for."""

    ready = Ready(pipeline="none", runtime="none", precision="none", versions={}, load_ms=0.0)
    is_loading = False
    evaluated = 1, 2

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.images = 0
        self.is_open = True
        self._events: deque[Event] = deque()

    def wait_until_ready(self, _meanwhile: object) -> Ready:
        return self.ready

    def request(self, number: int, _request: ImageRequest, **_how: bool) -> None:
        done, total = self.evaluated
        self._events += [
            Began(number=number),
            Stepped(number=number, done=done, total=total),
            Drawn(number=number, image=IMAGE, peak_bytes=0),
        ]

    def poll(self, _timeout_s: float) -> Event | None:
        event = self._events.popleft() if self._events else None
        self.images += isinstance(event, Drawn)
        return event

    def withdraw(self) -> None:
        """Drop what has not begun: whose Began was not read yet."""
        waiting = [event.number for event in self._events if isinstance(event, Began)]
        begun = [
            event
            for event in self._events
            if isinstance(event, Drawn) and event.number not in waiting
        ]
        self._events = deque([*begun, Withdrawn(numbers=tuple(waiting))])

    def close(self) -> None:
        self.is_open = False

    kill = close


@dataclass
class Watch:
    """What a test sees of a worker, and the clock that it sets."""

    ledger: Ledger
    queues: Queues
    settings: Settings
    time: datetime = field(default_factory=lambda: datetime.now(UTC))
    engines: list[PromptEngine] = field(default_factory=list)
    on_image: Callable[[], None] = lambda: None
    drawn: int = 0

    def worker(self, options: WorkerOptions, **parts: Any) -> Worker:
        return make_worker(
            self.settings, self.ledger, self.queues, options, onlooker=self,
            pool=EnginePool(
                self._start,
                max_pinned=options.max_pinned,
                unload_after_s=options.unload_after_s,
            ),
            duty=Duty(options.limits, now=lambda: self.time), **parts,
        )  # fmt: skip

    def submit(self, images: int, *, variants: int = 1, slice_size: int = 2) -> None:
        plan = small_plan("the sea", images=images, variants=variants, slice_size=slice_size)
        self.ledger.submissions.add(plan)
        reconcile(self.ledger, self.queues)

    def settled(self, slice_: Slice, seed: int, error: str | None) -> None:
        self.drawn += 1
        self.on_image()

    def forward(self, hours: float) -> None:
        self.time += timedelta(hours=hours)

    @property
    def is_all_drawn(self) -> bool:
        return not list(self.ledger.work.open_slices())

    @property
    def open_engines(self) -> int:
        return sum(engine.is_open for engine in self.engines)

    def _start(self, _variant: object) -> Any:
        self.engines.append(PromptEngine())
        return cast(Any, self.engines[-1])


@contextmanager
def watch(home: Path) -> Iterator[Watch]:
    """A data folder with an embedded Redis."""
    home.mkdir()
    server = RedisServer(home / "redis")
    server.ensure_running()
    settings = Settings(
        home=home, redis_url=None, database_url=f"sqlite:///{home / 'sdq.db'}",
        outputs=home / "outputs", origins={},
    )  # fmt: skip
    try:
        with Ledger.open(settings.database_url) as ledger:
            yield Watch(ledger, Queues(connect(settings), ledger.id), settings)
    finally:
        server.stop()
