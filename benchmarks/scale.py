"""How far one Redis and one PostgreSQL carry: N workers with an engine that sleeps instead of computing.

Everything but the engine is the product's: each worker is a process of its own with its queue, heartbeats, files and
rows. The engine behaves as a real one does (an image begins when the last one ends, if it is in the pipe by then) and
needs no processor, so that two cores can show what many machines would ask of the services. The rate is that of the
middle of the run, when every worker has work; ideal is N images in the time of one.

    python -m benchmarks.scale [--workers 1,4,16,64] [--image-s 0.5] [--images 60]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections import deque
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any, cast

import numpy as np
import psutil

from benchmarks.bench import data_folder, show
from db.dispatch import dispatch
from db.ledger import Ledger
from sdq_core.queue.connection import connect
from sdq_core.queue.queues import Queues
from sdq_core.queue.server import RedisServer
from sdq_core.settings import Settings
from tests.ledger.plans import plan
from worker.engine.messages import Drawn, Event, Ready, Withdrawn
from worker.engine.pool import EnginePool
from worker.pipelines.contract import DrawnImage, ImageRequest
from worker.service import WorkerOptions, make_worker

SIZE = 128
SLICE = 10


class SleepingEngine:
    """Takes `image_s` seconds for each image, one after the other."""

    ready = Ready(pipeline="none", runtime="none", precision="none", versions={}, load_ms=0.0)

    def __init__(self, image_s: float) -> None:
        self.pid = os.getpid()
        pixels = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
        self._image = DrawnImage(
            pixels=pixels, pipeline="none", truncated_tokens=0, nsfw_flagged=None, concept_scores={},
            text_encode_ms=1.0, denoise_ms=1.0, num_unet_calls=20, decode_ms=1.0, safety_ms=1.0,
        )  # fmt: skip
        self._image_s = image_s
        self._asked: deque[tuple[int, float]] = deque()
        self._free_at = 0.0

    def wait_until_ready(self, _meanwhile: object) -> Ready:
        return self.ready

    def request(self, number: int, _request: ImageRequest, **_how: bool) -> None:
        self._free_at = max(time.monotonic(), self._free_at) + self._image_s
        self._asked.append((number, self._free_at))

    def poll(self, timeout_s: float) -> Event | None:
        number, done_at = self._asked[0]
        left_s = done_at - time.monotonic()
        time.sleep(max(0.0, min(left_s, timeout_s)))
        if left_s > timeout_s:
            return None
        self._asked.popleft()
        return Drawn(number=number, image=self._image, peak_bytes=0)

    def withdraw(self) -> None:
        numbers = tuple(number for number, _ in self._asked)
        self._asked.clear()
        self.poll = lambda _timeout_s: Withdrawn(numbers=numbers)  # type: ignore[method-assign]

    def close(self) -> None:
        self._asked.clear()

    kill = close


def work(settings: Settings, image_s: float) -> None:
    """Be one worker, until the queue is empty."""
    with Ledger.open(settings.database_url) as ledger:
        queues = Queues(connect(settings), ledger.id)

        worker = make_worker(
            settings,
            ledger,
            queues,
            WorkerOptions(),
            pool=EnginePool(lambda _variant: cast(Any, SleepingEngine(image_s)), max_pinned=1),
        )
        worker.work_until(lambda: bool(ledger.batches.find("scale")))


def redis_calls(queues: Queues) -> int:
    """Give how many commands this Redis has run."""
    stats: Any = queues.connection.info("commandstats")
    return sum(int(command["calls"]) for command in stats.values())


def run(postgres: Any, number: int, image_s: float, images: int, home: Path) -> tuple[str, ...]:
    """Let `number` workers draw `images` images each; give a row of the table."""
    name = f"scale_{number}"
    postgres.psql(f"CREATE DATABASE {name};")
    server = RedisServer(home / "redis")
    server.ensure_running()
    settings = Settings(
        home=home, redis_url=server.url, database_url=postgres.get_uri(database=name),
        outputs=home / "outputs" / name, origins={},
    )  # fmt: skip
    with Ledger.open(settings.database_url) as ledger:
        queues = Queues(connect(settings), ledger.id)
        command = [sys.executable, "-m", "benchmarks.scale", "--image-s", str(image_s), "--one"]
        command += [str(value) for key, value in asdict(settings).items() if key != "origins"]
        prompts = [f"number {i}" for i in range(number * images // SLICE)]
        submission = ledger.submissions.add(plan(prompts, range(SLICE), name="scale"))
        calls = redis_calls(queues)
        # All at once would be a start that no fleet has; the middle of the run is what counts.
        workers = [subprocess.Popen(command) for _ in range(number)]
        dispatch(ledger, queues, submission)
        busy = []
        while any(worker.poll() is None for worker in workers):
            busy.append(psutil.cpu_percent(interval=1.0))
        calls = redis_calls(queues) - calls
        times = sorted(image.finished_at.timestamp() for image in ledger.batches.images("scale"))
    total = number * images
    assert len(times) == total, (len(times), total)
    commits = int(postgres.psql(
        f"SELECT xact_commit FROM pg_stat_database WHERE datname = '{name}';"
    ).split("\n")[2])  # fmt: skip
    first, last = times[total // 5], times[total * 4 // 5]
    rate, ideal = (total * 4 // 5 - total // 5) / (last - first), number / image_s
    server.stop()
    return (
        str(number), f"{rate:.1f}", f"{ideal:.1f}", f"{rate / ideal:.2f}",
        f"{calls / total:.1f}", f"{commits / total:.1f}", f"{median(busy):.0f} %",
    )  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", default="1,4,16,64")
    parser.add_argument("--image-s", type=float, default=0.5, help="seconds of an image")
    parser.add_argument("--images", type=int, default=60, help="images of each worker")
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        home, redis_url, database_url, outputs = options.one
        work(
            Settings(
                home=Path(home), redis_url=redis_url, database_url=database_url,
                outputs=Path(outputs), origins={},
            ),
            options.image_s,
        )  # fmt: skip
        return
    import pgserver

    rows = []
    with data_folder() as home:
        postgres = pgserver.get_server(home / "postgres")
        postgres.psql("ALTER SYSTEM SET max_connections = 300;")
        postgres.cleanup()
        postgres = pgserver.get_server(home / "postgres")
        try:
            for number in map(int, options.workers.split(",")):
                rows.append(run(postgres, number, options.image_s, options.images, home))
        finally:
            postgres.cleanup()
    show(
        f"scale: images of {options.image_s} s, {options.images} for each worker, one Redis, one PostgreSQL",
        (
            "workers",
            "images/s",
            "ideal",
            "share",
            "Redis commands/image",
            "commits/image",
            "processor",
        ),
        rows,
    )


if __name__ == "__main__":
    main()
