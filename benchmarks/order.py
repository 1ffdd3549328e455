"""How soon a small batch begins beside 1,000,000 images that wait, on a worker that draws them.

Ten images at high priority, submitted as a process of its own, a few times: of the variant that the worker is drawing,
and of another one, which it then loads unless it is still in memory. The time is that from the commit of the submission
to the moment at which the engine begins the first of them, from the ledger; beside it, the time of one image of the
million, and of a batch that the worker drew before there was anything else.

python -m benchmarks.order [--prompts 10000] [--seeds 100] [--steps 20] [--rounds 9] [--alone 100]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import time
from itertools import pairwise
from pathlib import Path
from statistics import median

from benchmarks.bench import PROGRAM, data_folder, sdq, show
from db.ledger import Ledger

_POLL_S = 0.05


def latency(
    home: Path, ledger: Ledger, name: str, steps: int, variant: str, *, images: int = 10
) -> tuple[float, float]:
    """Submit a batch and see it drawn; give the command's seconds, and those from its commit to its first image."""
    took = sdq(home, "submit", "--prompt", f"a lighthouse, {name}", "--seed-range", f"0-{images - 1}",
               "--steps", str(steps), "--variant", variant, "--priority", "high", "--batch", name)  # fmt: skip
    while True:
        status = ledger.batches.find(name)
        assert status is not None
        if status.completed_at:
            assert status.started_at is not None
            return took, (status.started_at - status.created_at).total_seconds()
        time.sleep(_POLL_S)


def image_s(ledger: Ledger, name: str) -> float:
    """Give the time from one image of a batch to its next, s; what was drawn in between does not move the median."""
    times = sorted(image.finished_at.timestamp() for image in ledger.batches.images(name))
    return median(after - before for before, after in pairwise(times))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=10_000)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--alone", type=int, default=100)
    options = parser.parse_args()
    rows = []
    with data_folder() as home:
        file = home / "many.txt"
        file.write_text("".join(f"a picture of number {i}\n" for i in range(options.prompts)))
        worker = subprocess.Popen(
            [PROGRAM, "worker", "--quiet"], env=os.environ | {"SDQ_HOME": str(home)}
        )
        try:
            with Ledger.open(f"sqlite:///{home / 'sdq.db'}") as ledger:
                latency(home, ledger, "alone", options.steps, "original", images=options.alone)
                submitted = sdq(home, "submit", str(file), "--seed-range", f"0-{options.seeds - 1}",
                                "--steps", str(options.steps), "--variant", "original")  # fmt: skip
                for word, variant in (
                    ("the variant in memory", "original"),
                    ("another variant", "split_einsum"),
                ):
                    began = []
                    for number in range(options.rounds):
                        before = ledger.batches.find("many")
                        assert before is not None
                        while (now := ledger.batches.find("many")) and (
                            now.completed < before.completed + 30
                        ):
                            time.sleep(_POLL_S)
                        name = f"{variant}-{number}"
                        began.append(latency(home, ledger, name, options.steps, variant))
                    waits = [wait for _, wait in began]
                    rows.append((
                        word, f"{median(waits):.2f} s", f"{max(waits):.2f} s",
                        f"{median(took for took, _ in began):.2f} s",
                    ))  # fmt: skip
                for name, what in (("many", "one image"), ("alone", "one image of a batch alone")):
                    rows.append((what, f"{image_s(ledger, name):.3f} s", "", ""))
        finally:
            worker.terminate()
            worker.wait()
    rows.append(("submitting the large batch", f"{submitted:.2f} s", "", ""))
    show(
        f"order: 10 images at high priority beside {options.prompts * options.seeds:,}, {options.steps} steps, "
        f"{options.rounds} rounds",
        ("from commit to the first image", "median", "most", "whole `sdq submit`"),
        rows,
    )


if __name__ == "__main__":
    main()
