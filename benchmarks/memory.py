"""Do a worker and its engine grow? Their resident memory over tens of thousands of images in one process each.

    python -m benchmarks.memory [--images 5000] [--steps 1]             # the demo model
    python -m benchmarks.memory --images 50000 --answers-at-once        # an engine that draws nothing

Few steps, because what could grow does so by the image. With --answers-at-once, `benchmarks.at_once` draws in the
engine's process, so the worker, its files and its rows run at their full rate; the engine's own memory is then only its
pipe's. The table shows ten moments; the slope is that of the last half, by least squares over a sample each second.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from benchmarks.at_once import environment
from benchmarks.bench import PROGRAM, PROMPTS, data_folder, sdq, show
from db.ledger import Ledger

SEEDS = 100


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Resident bytes after so many images, so many seconds after the first sample."""

    seconds: float
    images: int
    worker: int
    engine: int


def watch(worker: subprocess.Popen[bytes], home: Path) -> list[Sample]:
    """Sample until the worker ends."""
    watched, engine = psutil.Process(worker.pid), None
    samples: list[Sample] = []
    started = time.monotonic()
    with Ledger.open(f"sqlite:///{home / 'sdq.db'}") as ledger:
        while worker.poll() is None:
            time.sleep(1.0)
            status = ledger.batches.find("many")
            try:
                if engine is None:
                    engine = next(iter(watched.children()), None)
                    continue
                sizes = [process.memory_info().rss for process in (watched, engine)]
            except psutil.NoSuchProcess:  # it has just ended
                continue
            if status is not None and status.completed and all(sizes):
                samples.append(
                    Sample(
                        seconds=time.monotonic() - started,
                        images=status.completed,
                        worker=sizes[0],
                        engine=sizes[1],
                    )
                )
    if worker.returncode:
        raise SystemExit(f"The worker ended with {worker.returncode}.")
    return samples


def slope(samples: list[Sample], name: str) -> float:
    """Give bytes per image."""
    images = [sample.images for sample in samples]
    return float(np.polyfit(images, [getattr(sample, name) for sample in samples], 1)[0])


def rows(samples: list[Sample], images: int) -> list[tuple[str, str, str]]:
    """Give the sizes at each tenth, and the slopes of both halves."""
    found = []
    for tenth in range(1, 11):
        sample = min(samples, key=lambda one: abs(one.images - images * tenth / 10))
        sizes = (f"{size / 1e6:.1f} MB" for size in (sample.worker, sample.engine))
        found.append((f"{sample.images:,}", *sizes))
    half = images / 2
    for name, part in (
        ("first half", [sample for sample in samples if sample.images <= half]),
        ("last half", [sample for sample in samples if sample.images > half]),
    ):
        if len(part) > 1:
            slopes = (f"{slope(part, one):+.0f} bytes/image" for one in ("worker", "engine"))
            found.append((name, *slopes))
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--steps", type=int, default=1)
    parser.add_argument("--answers-at-once", action="store_true")
    options = parser.parse_args()
    with data_folder() as home:
        file = home / "many.txt"
        count = max(1, options.images // SEEDS)
        file.write_text("".join(f"{PROMPTS[i % len(PROMPTS)]} {i}\n" for i in range(count)))
        sdq(home, "submit", str(file), "--seed-range", f"0-{SEEDS - 1}",
            "--steps", str(options.steps))  # fmt: skip
        own = environment(home / "site") if options.answers_at_once else {}
        worker = subprocess.Popen(
            [PROGRAM, "worker", "--burst", "--quiet"],
            env=os.environ | {"SDQ_HOME": str(home)} | own,
        )
        samples = watch(worker, home)
    if not samples:
        raise SystemExit("That was over before the first sample: draw more images.")
    rate = (samples[-1].images - samples[0].images) / max(
        1e-9, samples[-1].seconds - samples[0].seconds
    )
    how = "answered at once" if options.answers_at_once else f"of {options.steps} steps"
    show(
        f"memory: {count * SEEDS:,} images {how}, one worker, one engine, {rate:.0f} images/s",
        ("images", "worker", "engine"),
        rows(samples, count * SEEDS),
    )


if __name__ == "__main__":
    main()
