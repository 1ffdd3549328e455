"""What recording an image costs the worker beyond encoding the PNG: attempt noted, file and folder forced to disk, row.

The worker's own code draws slices with an engine that answers at once with a picture of the demo model's size, so that
what is left of its time is its own. Time spent in encoding is taken off; the file system is that of the temporary
folder, and a bare write of the same bytes to the same folder is measured beside it.

    python -m benchmarks.record [--slices 40]
"""

from __future__ import annotations

import argparse
import os
import time
from collections import deque
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, cast

import numpy as np

from benchmarks.bench import data_folder, show
from db.ledger import Ledger
from sdq_core.images.root import OutputRoot
from sdq_core.images.store import store_file
from sdq_core.values.variants import Variant
from tests.ledger.plans import plan
from worker.claims.open_slice import OpenSlice
from worker.claims.shift import Shift
from worker.drawing.drawing import Drawing
from worker.drawing.saving import Gallery
from worker.drawing.studio import Studio
from worker.drawing.tally import Tally
from worker.engine.messages import Drawn, Ready
from worker.engine.pool import EnginePool
from worker.pipelines.contract import DrawnImage, ImageRequest

SIZE = 128


class InstantEngine:
    """Answers each request with noise that is there already."""

    pid = os.getpid()
    ready = Ready(pipeline="none", runtime="none", precision="none", versions={}, load_ms=0.0)

    def __init__(self) -> None:
        pixels = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
        self._image = DrawnImage(
            pixels=pixels, pipeline="none", truncated_tokens=0, nsfw_flagged=None, concept_scores={},
            text_encode_ms=1.0, denoise_ms=1.0, num_unet_calls=20, decode_ms=1.0, safety_ms=1.0,
        )  # fmt: skip
        self._asked: deque[int] = deque()

    def wait_until_ready(self, _meanwhile: object) -> Ready:
        return self.ready

    def request(self, number: int, _request: ImageRequest, **_how: bool) -> None:
        self._asked.append(number)

    def poll(self, _timeout_s: float) -> Drawn:
        return Drawn(number=self._asked.popleft(), image=self._image, peak_bytes=0)

    def withdraw(self) -> None:
        raise AssertionError("nobody stops here")

    close = kill = withdraw


class Stopwatch:
    """Notes when each image is settled: seconds on the clock and of the processor. It closes slices, and has none."""

    def __init__(self) -> None:
        self.moments: list[float] = []
        self.cpu_moments: list[float] = []

    def settled(self, *_: object) -> None:
        self.moments.append(time.perf_counter())
        self.cpu_moments.append(time.process_time())

    def take(self, _pinned: object) -> None:
        return None

    def close(self, *_: object) -> None:
        pass


def studio(ledger: Ledger, outputs: Path, stopwatch: Stopwatch) -> Studio:
    """Put together what a worker draws with, but for the engine."""
    return Studio.of(
        worker="benchmark",
        ledger=ledger,
        shift=Shift(lambda: None),
        tally=Tally(onlooker=stopwatch),
        pool=EnginePool(lambda _variant: cast(Any, InstantEngine()), max_pinned=1),
        gallery=Gallery(
            OutputRoot(outputs, home=outputs.parent, ledger_id=ledger.id), with_metadata=True
        ),
    )


def bare_writes(data: bytes, folder: Path) -> float:
    """Give the median ms of storing the same file: nothing that is safe can take less."""
    times = []
    for number in range(200):
        started = time.perf_counter()
        store_file(data, folder / f"{number}.png")
        times.append((time.perf_counter() - started) * 1000)
    return median(times)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slices", type=int, default=40)
    options = parser.parse_args()
    stopwatch = Stopwatch()
    own: list[float] = []
    cpu: list[float] = []
    with data_folder() as home, Ledger.open(f"sqlite:///{home / 'sdq.db'}") as ledger:
        prompts = [f"number {number}" for number in range(options.slices)]
        submission = ledger.submissions.add(plan(prompts, range(25)))
        outputs = home / "outputs"

        drawing = studio(ledger, outputs, stopwatch)
        for ref in submission.slices:
            slice_ = ledger.work.load_slice(ref.id)
            assert slice_ is not None
            stopwatch.moments.clear()
            stopwatch.cpu_moments.clear()
            variant = cast(Variant, slice_.recipe.variant)
            slice_ = OpenSlice.of(ledger, slice_, queue_wait_ms=0.0)
            Drawing(drawing, variant, stopwatch).run(slice_)
            own += [(later - earlier) * 1000 for earlier, later in pairwise(stopwatch.moments)]
            cpu += [(later - earlier) * 1000 for earlier, later in pairwise(stopwatch.cpu_moments)]
            assert ledger.work.finish_slice(ref.id)
        rows = [row.image for row in ledger.batches.images("prompts")]
        assert len(rows) == 25 * options.slices
        encode_ms = median(row.encode_ms for row in rows)
        save_ms = median(row.save_ms for row in rows)
        bare_ms = bare_writes((outputs / rows[0].path).read_bytes(), home)
    beyond_ms = median(own) - encode_ms
    show(
        f"recording: {options.slices} slices of 25 images, {rows[0].size_bytes:,} bytes each, medians",
        ("", "ms per image"),
        [
            ("worker's own time, from one image to the next", f"{median(own):.2f}"),
            ("  of it encoding the PNG", f"{encode_ms:.2f}"),
            ("  all beyond that", f"{beyond_ms:.2f}"),
            ("    of it file and folder on disk, hash of the file", f"{save_ms:.2f}"),
            ("    of it ledger, pixels' hash and the rest", f"{beyond_ms - save_ms:.2f}"),
            ("worker's processor time in all", f"{median(cpu):.2f}"),
            ("the same file stored by itself", f"{bare_ms:.2f}"),
        ],
    )


if __name__ == "__main__":
    main()
