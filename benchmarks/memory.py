"""Does a worker grow? Resident memory of worker and engine over thousands of images in one process each.

    python -m benchmarks.memory [--images 5000] [--steps 4]

Few steps, because what could grow does so by the image. The table shows the resident size at ten moments; after the
first tenth, in which allocators and caches fill, it should be flat.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import time

import psutil

from benchmarks.bench import PROGRAM, PROMPTS, data_folder, sdq, show
from db.ledger import Ledger

SEEDS = 100


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--steps", type=int, default=4)
    options = parser.parse_args()
    rows = []
    with data_folder() as home:
        file = home / "many.txt"
        count = options.images // SEEDS
        file.write_text("".join(f"{PROMPTS[i % len(PROMPTS)]} {i}\n" for i in range(count)))
        sdq(
            home,
            "submit",
            str(file),
            "--seed-range",
            f"0-{SEEDS - 1}",
            "--steps",
            str(options.steps),
        )
        worker = subprocess.Popen(
            [PROGRAM, "worker", "--burst", "--quiet"], env=os.environ | {"SDQ_HOME": str(home)}
        )
        watched = psutil.Process(worker.pid)
        with Ledger.open(f"sqlite:///{home / 'sdq.db'}") as ledger:
            for tenth in range(1, 11):
                wanted = max(1, options.images * tenth // 10 - 1)  # while it still runs
                while (status := ledger.batches.find("many")) is None or status.completed < wanted:
                    if worker.poll() is not None:
                        raise SystemExit(f"The worker ended with {worker.returncode}.")
                    time.sleep(0.02)
                (engine,) = (
                    child for child in watched.children() if "worker.engine.main" in child.cmdline()
                )
                sizes = [process.memory_info().rss / 1e6 for process in (watched, engine)]
                rows.append((f"{status.completed:,}", *(f"{size:.1f}" for size in sizes)))
        worker.wait()
    show(
        f"memory: {options.images:,} images of {options.steps} steps, one worker, one engine",
        ("images", "worker, MB", "engine, MB"),
        rows,
    )


if __name__ == "__main__":
    main()
