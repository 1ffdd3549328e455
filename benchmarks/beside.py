"""Which of the worker's duties cost drawing time: a real engine draws, and what is done beside it changes by the block.

The engine has its next request in its pipe, as a worker's has. A few images at a time are encoded, written, recorded,
all of it or nothing, in random order and in one run, so what else the machine does is the same for all. The first image
of a block is left out, as the previous block's duty may reach into it, and so are rounds in which other programs were
busy. A duty's cost is its blocks' median image less that of the round's block with nothing to do.

    python -m benchmarks.beside [--seconds 300] [--steps 20] [--nice 10] [--threads N]

The last kind of block does everything at that niceness. A row of "a busy loop" costs as much as any program beside the
engine does for its processor time.
"""

from __future__ import annotations

import argparse
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.bench import PROMPTS, data_folder, show
from benchmarks.pairs import QUIET, around_median, others
from db.ledger import Ledger
from sdq_core.images.encode import encode_png
from sdq_core.images.metadata import ImageMetadata
from sdq_core.images.pixels import image_from_rgb
from sdq_core.images.store import store_file
from sdq_core.models import DEMO, ModelStore
from sdq_core.values.recipes import DEFAULT_GUIDANCE_SCALE, DEFAULT_SCHEDULER
from sdq_core.values.variants import AttentionImplementation, ComputeUnit
from tests.ledger.plans import ENGINE, plan, recipe, record
from worker.engine.handle import Deadlines, Engine
from worker.engine.messages import Drawn, Launch
from worker.pipelines.contract import DrawnImage, ImageRequest
from worker.quality.measures import measure

#: Images of a block, the first of which is not counted.
BLOCK = 6
SEEDS = 25
BUSY_MS = 5.0


@dataclass(kw_only=True)
class Duty:
    """Something done with each image. image_ms, cpu_ms: medians of its blocks, from one image to the next."""

    name: str
    do: Callable[[DrawnImage], None]
    niceness: int = 0
    image_ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)


class Desk:
    """Does with images what a worker does, in a ledger and a folder of its own."""

    def __init__(self, ledger: Ledger, folder: Path) -> None:
        self._work = ledger.work
        self._folder = folder
        self._engine_id = ledger.work.register_engine(ENGINE)
        self._places = self._slices_of(ledger)
        self._metadata = ImageMetadata(recipe=recipe("a house"), seed=1, version="0")
        self._data = b""
        self._number = 0

    def encode(self, image: DrawnImage) -> None:
        """Make a PNG of it."""
        height, width, _ = image.pixels.shape
        picture = image_from_rgb(image.pixels.tobytes(), width, height)
        self._data = encode_png(picture, self._metadata)

    def write(self, image: DrawnImage) -> None:
        """Force the bytes of the last PNG to disk as a file of its own."""
        if not self._data:
            self.encode(image)
        self._number += 1
        store_file(self._data, self._folder / f"{self._number}.png")

    def record(self, _image: DrawnImage) -> None:
        """Commit a row, and the attempt at the next image in the same commit."""
        next(self._places)

    def measure(self, image: DrawnImage) -> None:
        """Measure the picture."""
        height, width, _ = image.pixels.shape
        measure(image_from_rgb(image.pixels.tobytes(), width, height))

    def everything(self, image: DrawnImage) -> None:
        """Encode, write, record."""
        self.encode(image)
        self.write(image)
        self.record(image)

    def _slices_of(self, ledger: Ledger) -> Iterator[None]:
        prompts = [f"number {number}" for number in range(1000)]
        for ref in ledger.submissions.add(plan(prompts, range(SEEDS))).slices:
            slice_ = self._work.load_slice(ref.id)
            assert slice_ is not None
            for seed in range(SEEDS):
                upcoming, after = (n if n < SEEDS else None for n in (seed + 1, seed + 2))
                drawn = record(slice_, seed, self._engine_id)
                self._work.record_and_go_on(drawn, begun=upcoming, upcoming=after)
                yield


class Drawer:
    """An engine that always has its next request."""

    def __init__(self, engine: Engine, steps: int) -> None:
        self._engine = engine
        self._steps = steps
        self._asked = 0
        self.at = 0.0
        for _ in range(2):
            self.ask()

    def ask(self) -> None:
        """Put one more request into the engine's pipe."""
        self._engine.request(
            self._asked,
            ImageRequest(
                prompt=PROMPTS[0],
                negative_prompt="fog",
                seed=self._asked,
                num_inference_steps=self._steps,
                guidance_scale=DEFAULT_GUIDANCE_SCALE,
                scheduler=DEFAULT_SCHEDULER,
            ),
        )
        self._asked += 1

    def wait(self) -> tuple[DrawnImage, float]:
        """Return the next image, and ms since the previous one came."""
        while True:
            event = self._engine.poll(1.0)
            if isinstance(event, Drawn):
                before, self.at = self.at, time.perf_counter()
                return event.image, (self.at - before) * 1000


@contextmanager
def engine(home: Path, threads: int | None) -> Iterator[Engine]:
    """Give an engine of the demo model."""
    folder = ModelStore(home / "models").find(DEMO, AttentionImplementation.ORIGINAL)
    launch = Launch(
        folder=folder, compute_unit=ComputeUnit.ALL, cache=home / "cache", threads=threads
    )
    found = Engine(launch, Deadlines())
    try:
        found.wait_until_ready()
        yield found
    finally:
        found.close()


def block(duty: Duty, drawer: Drawer, image: DrawnImage) -> DrawnImage:
    """Draw a block and note its medians; return its last image."""
    images_ms, cpu_ms = [], []
    os.setpriority(os.PRIO_PROCESS, 0, duty.niceness)
    for _ in range(BLOCK):
        started = time.process_time()
        duty.do(image)
        drawer.ask()
        image, took_ms = drawer.wait()
        images_ms.append(took_ms)
        cpu_ms.append((time.process_time() - started) * 1000)
    os.setpriority(os.PRIO_PROCESS, 0, 0)
    duty.image_ms.append(median(images_ms[1:]))
    duty.cpu_ms.append(median(cpu_ms[1:]))
    return image


def busy(_image: DrawnImage) -> None:
    """Use the processor and nothing else."""
    end = time.thread_time() + BUSY_MS / 1000
    while time.thread_time() < end:
        pass


def rows(duties: list[Duty]) -> list[tuple[str, ...]]:
    """Give the table's rows."""
    nothing = duties[0]
    found = []
    for duty in duties:
        more = [a - b for a, b in zip(duty.image_ms, nothing.image_ms, strict=True)]
        between = around_median(more)
        found.append(
            (
                duty.name,
                f"{median(duty.cpu_ms) - median(nothing.cpu_ms):.1f}",
                f"{median(duty.image_ms):.1f}",
                f"{median(more):+.1f}",
                "needs six rounds"
                if between is None
                else f"{between[0]:+.1f} to {between[1]:+.1f}",
            )
        )
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--nice", type=int, default=10)
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    with (
        data_folder() as home,
        Ledger.open(f"sqlite:///{home / 'sdq.db'}") as ledger,
        engine(home, options.threads) as drawing,
    ):
        desk = Desk(ledger, home / "outputs")
        duties = [
            Duty(name="nothing", do=lambda _image: None),
            Duty(name=f"a busy loop of {BUSY_MS:.0f} ms", do=busy),
            Duty(name="encoding the PNG", do=desk.encode),
            Duty(name="file and folder on disk", do=desk.write),
            Duty(name="row", do=desk.record),
            Duty(name="measuring the picture", do=desk.measure),
            Duty(name="all but measuring", do=desk.everything),
            Duty(name=f"the same, nice {options.nice}", do=desk.everything, niceness=options.nice),
        ]
        drawer = Drawer(drawing, options.steps)
        image, _ = drawer.wait()
        drawer.ask()
        end = time.monotonic() + options.seconds
        rounds = 0
        while time.monotonic() < end:
            rounds += 1
            with others(drawing.pid) as watched:
                for duty in random.sample(duties, len(duties)):
                    image = block(duty, drawer, image)
            if watched.share > QUIET:
                for duty in duties:
                    duty.image_ms.pop()
                    duty.cpu_ms.pop()
    if not duties[0].image_ms:
        raise SystemExit(f"Other programs were busy in all {rounds} rounds: nothing was measured.")
    show(
        f"beside an engine that draws, {options.steps} steps, {len(duties[0].image_ms)} rounds of {BLOCK - 1} images",
        ("duty", "processor, ms", "image, ms", "more, ms", "95 % of the median"),
        rows(duties),
    )
    print(
        f"{rounds - len(duties[0].image_ms)} of {rounds} rounds were left out: other programs were busy."
    )


if __name__ == "__main__":
    main()
