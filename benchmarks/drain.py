"""Draining N images through queue, ledger and files, against a bare loop over the same pipeline in the same run.

Both draw the same prompts, seeds and steps with the same runtime settings, alternately for several rounds. sdq's time
per image is taken between the first and the last image's commit, so that neither side pays for starting and loading;
the bare loop's is its whole loop over its number of images, warm. The bare loop is measured twice: with the embeddings
of a prompt kept for its seeds, as sdq's pipeline does, and with the text encoded for every image, as Apple's does.
Where an image's time goes is told by the timings on sdq's own rows.

    python -m benchmarks.drain [--prompts 4] [--seeds 25] [--steps 20] [--rounds 3]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from statistics import mean, median

from benchmarks.bench import PROMPTS, data_folder, sdq, show
from db.ledger import Ledger

#: What the engine does for an image, one after the other, and what the worker does while the engine draws the next.
ENGINE_PARTS = ("text_encode_ms", "denoise_ms", "decode_ms", "safety_ms")
WORKER_PARTS = ("encode_ms", "save_ms")


def drain(home: Path, prompts: int, seeds: int, steps: int, round_number: int) -> float:
    """Submit and drain; give milliseconds per image between the first and the last commit."""
    name = f"round-{round_number}"
    file = home / f"{name}.txt"
    file.write_text(
        "".join(f"{PROMPTS[i % len(PROMPTS)]} {i} {round_number}\n" for i in range(prompts))
    )
    sdq(home, "submit", str(file), "--seed-range", f"0-{seeds - 1}", "--steps", str(steps),
        "--negative-prompt", "fog")  # fmt: skip
    sdq(home, "worker", "--burst", "--quiet")
    with Ledger.open(f"sqlite:///{home / 'sdq.db'}") as ledger:
        times = sorted(image.finished_at for image in ledger.batches.images(name))
    assert len(times) == prompts * seeds
    return (times[-1] - times[0]).total_seconds() * 1000 / (len(times) - 1)


def parts(home: Path, round_number: int) -> list[tuple[str, str, str]]:
    """Give each part's mean milliseconds of an image, and its share of the engine's time."""
    with Ledger.open(f"sqlite:///{home / 'sdq.db'}") as ledger:
        records = [drawn.image for drawn in ledger.batches.images(f"round-{round_number}")]
    means = {
        part: mean(getattr(record, part) for record in records)
        for part in ENGINE_PARTS + WORKER_PARTS
    }
    engine = sum(means[part] for part in ENGINE_PARTS)
    return [
        (part.removesuffix("_ms").replace("_", " "), f"{ms:.1f}", f"{ms / engine:.1%}")
        for part, ms in means.items()
    ]


def bare(home: Path, prompts: int, seeds: int, steps: int, *how: str) -> float:
    """Run the bare loop in a process of its own; give milliseconds per image."""
    command = [sys.executable, "-m", "benchmarks.bare_loop", str(home / "cache")]
    command += [str(prompts), str(seeds), str(steps), *how]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    times = [float(line) for line in output.split()][1:]
    return sum(times) / len(times)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=25)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    size = (options.prompts, options.seeds, options.steps)
    through, loop, loop_each = [], [], []
    with data_folder() as home:
        bare(home, 1, 1, 1)  # translates the model: both sides find it in the cache
        for number in range(options.rounds):
            loop.append(bare(home, *size))
            through.append(drain(home, *size, number))
            loop_each.append(bare(home, *size, "each"))
        shares = parts(home, options.rounds - 1)
    ratio = median(a / b for a, b in zip(through, loop, strict=True))
    ratio_each = median(a / b for a, b in zip(through, loop_each, strict=True))
    show(
        f"drain: {options.prompts} prompts x {options.seeds} seeds, {options.steps} steps, "
        f"median of {options.rounds} rounds",
        ("", "ms per image", "sdq / this"),
        [
            ("sdq: queue, ledger, files", f"{median(through):.1f}", ""),
            ("bare loop, text kept per prompt", f"{median(loop):.1f}", f"{ratio:.3f}"),
            ("bare loop, text encoded per image", f"{median(loop_each):.1f}", f"{ratio_each:.3f}"),
        ],
    )
    show("where an image's time goes", ("", "ms", "of the engine's time"), shares)


if __name__ == "__main__":
    main()
