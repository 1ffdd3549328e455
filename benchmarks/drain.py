"""Draining N images through queue, ledger and files, against a bare loop over the same pipeline.

Both draw the same prompts, seeds and steps with the same runtime settings, in pairs (`benchmarks.pairs`). sdq's time
per image is taken between the first and the last image's commit, so that neither side pays for starting and loading;
the bare loop's is its whole loop over its number of images, warm. The bare loop keeps the embeddings of a prompt for
its seeds, as sdq's pipeline does; with --each it encodes the text for every image, as Apple's does.

    python -m benchmarks.drain [--prompts 4] [--seeds 25] [--steps 20] [--rounds 12] [--each]

The second table tells where an image's milliseconds go, from the timings on sdq's own rows and the processor time of
its two processes. `benchmarks.beside` tells which of the worker's duties cost drawing time.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

import numpy as np
import psutil

from benchmarks.bare_loop import PARTS
from benchmarks.bench import PROGRAM, PROMPTS, data_folder, sdq, show
from benchmarks.pairs import measure, show_pairs
from db.ledger import Ledger

#: What the worker does with an image while the engine draws the next one; both are on the clock.
WORKER_PARTS = ("encode", "save")


@dataclass(frozen=True, kw_only=True)
class Size:
    """What is drawn in a round."""

    prompts: int
    seeds: int
    steps: int


@dataclass(frozen=True, kw_only=True)
class Took:
    """What an image took in one half of a pair, ms: means over its images.

    image_ms: from one image to the next.
    cpu_ms: processor time of the process that draws.
    worker_cpu_ms: processor time of the worker beside it; 0 for the bare loop.
    parts: name -> ms on the clock.
    """

    image_ms: float
    cpu_ms: float
    worker_cpu_ms: float = 0.0
    parts: dict[str, float]


def drain(home: Path, size: Size, round_number: int) -> Took:
    """Submit and drain."""
    name = f"round-{round_number}"
    file = home / f"{name}.txt"
    file.write_text(
        "".join(f"{PROMPTS[i % len(PROMPTS)]} {i} {round_number}\n" for i in range(size.prompts))
    )
    sdq(home, "submit", str(file), "--seed-range", f"0-{size.seeds - 1}",
        "--steps", str(size.steps), "--negative-prompt", "fog")  # fmt: skip
    at, worker_s, engine_s = _watched_worker(home)
    with Ledger.open(f"sqlite:///{home / 'sdq.db'}") as ledger:
        images = sorted(ledger.batches.images(name), key=lambda image: image.finished_at)
    assert len(images) == size.prompts * size.seeds
    first, last = (images[i].finished_at.timestamp() for i in (0, -1))

    def cpu_ms(seconds: Sequence[float]) -> float:
        begin, end = np.interp([first, last], at, seconds)
        return float(end - begin) * 1000 / (len(images) - 1)

    return Took(
        image_ms=(last - first) * 1000 / (len(images) - 1),
        cpu_ms=cpu_ms(engine_s),
        worker_cpu_ms=cpu_ms(worker_s),
        parts={
            part: mean(getattr(drawn.image, f"{part}_ms") for drawn in images[1:])
            for part in PARTS + WORKER_PARTS
        },
    )


def _watched_worker(home: Path) -> tuple[list[float], list[float], list[float]]:
    """Run a worker to its end; give moments (s since 1970), and its and its engine's processor seconds until then."""
    samples = []
    worker = subprocess.Popen(
        [PROGRAM, "worker", "--burst", "--quiet"],
        env=os.environ | {"SDQ_HOME": str(home)},
        stderr=subprocess.DEVNULL,
    )
    process, engine = psutil.Process(worker.pid), None
    while worker.poll() is None:
        time.sleep(0.25)
        try:
            if engine is None:
                engine = next(iter(process.children()), None)
                continue
            times = [sum(one.cpu_times()[:2]) for one in (process, engine)]
        except psutil.Error:  # it has just ended
            continue
        samples.append((time.time(), *times))
    assert worker.returncode == 0, worker.returncode
    at, worker_s, engine_s = map(list, zip(*samples, strict=True))
    return at, worker_s, engine_s


def bare(home: Path, size: Size, *how: str) -> Took:
    """Run the bare loop in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.bare_loop", str(home / "cache")]
    command += [str(size.prompts), str(size.seeds), str(size.steps), *how]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    images = [json.loads(line) for line in output.splitlines()][1:]
    return Took(
        image_ms=mean(image["image"] for image in images),
        cpu_ms=mean(image["cpu"] for image in images),
        parts={part: mean(image[part] for image in images) for part in PARTS},
    )


def where_it_goes(bares: Sequence[Took], drains: Sequence[Took]) -> list[tuple[str, str, str, str]]:
    """Give the rows of the second table: medians over the rounds, ms per image."""

    def row(name: str, one: Sequence[float], other: Sequence[float]) -> tuple[str, str, str, str]:
        apart = median(b - a for a, b in zip(one, other, strict=True))
        return name, f"{median(one):.2f}", f"{median(other):.2f}", f"{apart:+.2f}"

    def alone(name: str, values: Sequence[float]) -> tuple[str, str, str, str]:
        return name, "", f"{median(values):.2f}", ""

    def between(took: Took) -> float:
        return took.image_ms - sum(took.parts[part] for part in PARTS)

    both = (bares, drains)
    return [
        *(
            row(part.replace("_", " "), *([took.parts[part] for took in side] for side in both))
            for part in PARTS
        ),
        row("between two images", *([between(took) for took in side] for side in both)),
        row("image", *([took.image_ms for took in side] for side in both)),
        row("processor time of what draws", *([took.cpu_ms for took in side] for side in both)),
        alone("worker meanwhile: processor time", [took.worker_cpu_ms for took in drains]),
        alone("  on the clock, encoding the PNG", [took.parts["encode"] for took in drains]),
        alone("  on the clock, file and folder on disk", [took.parts["save"] for took in drains]),
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=25)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--target", type=float, default=1.01)
    parser.add_argument(
        "--each", action="store_true", help="encode the text for every image in the bare loop"
    )
    options = parser.parse_args()
    size = Size(prompts=options.prompts, seeds=options.seeds, steps=options.steps)
    how = ("each",) if options.each else ()
    bares: list[Took] = []
    drains: list[Took] = []
    with data_folder() as home:
        # Translates the model and starts Redis: both sides find them there.
        bare(home, Size(prompts=1, seeds=1, steps=1))
        drain(home, Size(prompts=1, seeds=2, steps=1), options.rounds)

        def floor(_number: int) -> float:
            bares.append(bare(home, size, *how))
            return bares[-1].image_ms

        def through(number: int) -> float:
            drains.append(drain(home, size, number))
            return drains[-1].image_ms

        pairs = measure(options.rounds, floor, through)
    show_pairs(
        f"drain: {size.prompts} prompts x {size.seeds} seeds, {size.steps} steps"
        + (", text encoded for every image of the bare loop" if options.each else ""),
        ("bare loop", "queue"),
        pairs,
        options.target,
    )
    show(
        f"where an image's milliseconds go, medians of {options.rounds} rounds",
        ("", "bare loop", "engine", "more"),
        where_it_goes(bares, drains),
    )


if __name__ == "__main__":
    main()
