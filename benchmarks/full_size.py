"""A U-Net of Stable Diffusion 1.5's size in the portable runtime, against torch eager; random weights.

    python -m benchmarks.full_size --torch-python PATH [--folder full-size] [--repeats 3]

Measured for each attention variant, each in a process of its own: translating, loading from the cache, resident memory
while it runs and at its peak, the median step, and the operations a second that this makes (`benchmarks.floor` measures
how many are possible). Torch goes before and after each variant, and the ratio is to the mean of both. The packages
(1.7 GB each) are made once and kept in FOLDER; making one takes minutes and some 15 GB of memory.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import mean, median

import numpy as np
import psutil

from benchmarks.bench import show
from benchmarks.operations import count
from sdq_core.values.variants import ComputeUnit
from worker.runtimes.choice import choose_runtime

TORCH = Path(__file__).with_name("full_size_torch.py")
ATTENTIONS = ("original", "split_einsum")


def measure(package: Path, cache: Path, threads: int, repeats: int) -> None:
    """Load and run in this process; print what it took as JSON."""
    runtime = choose_runtime(cache=cache, threads=threads)
    started = time.perf_counter()
    model = runtime.load(package, ComputeUnit.ALL)
    load_s = time.perf_counter() - started
    rng = np.random.default_rng(0)
    inputs = {
        name: rng.standard_normal(spec["shape"]).astype(spec["dtype"])
        for name, spec in model.expected_inputs.items()
    } | {"timestep": np.full(2, 500, np.float16)}
    times = []
    for _ in range(repeats + 1 if repeats else 0):
        started = time.perf_counter()
        model(**inputs)
        times.append((time.perf_counter() - started) * 1000)
    print(
        json.dumps(
            {
                "load_s": load_s,
                "step_ms": median(times[1:]) if repeats else 0.0,
                "rss_gb": psutil.Process().memory_info().rss / 1e9,
                "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9,
            }
        )
    )


def apart(package: Path, cache: Path, threads: int, repeats: int) -> dict[str, float]:
    """Measure in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.full_size", "--torch-python", "", "--one"]
    command += [str(package), str(cache), str(threads), str(repeats)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found: dict[str, float] = json.loads(output.splitlines()[-1])
    return found


def eager_ms(python: list[str], threads: int, repeats: int) -> float:
    """Give ms of a step of torch."""
    command = [*python, "time", str(threads), str(repeats)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(result.stdout.split()[-1])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--torch-python", required=True)
    parser.add_argument("--folder", type=Path, default=Path("full-size"))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        package, cache, threads, repeats = options.one
        measure(Path(package), Path(cache), int(threads), int(repeats))
        return
    threads = os.cpu_count() or 1
    options.folder.mkdir(parents=True, exist_ok=True)
    python = [options.torch_python, str(TORCH)]
    rows = []
    for attention in ATTENTIONS:
        package = options.folder / f"{attention}.mlpackage"
        if not package.exists():
            subprocess.run([*python, "convert", str(options.folder), attention], check=True)
    eager = [eager_ms(python, threads, options.repeats)]
    for attention in ATTENTIONS:
        package = options.folder / f"{attention}.mlpackage"
        cache = options.folder / "cache"
        first = apart(package, cache, threads, 0)
        warm = apart(package, cache, threads, options.repeats)
        eager.append(eager_ms(python, threads, options.repeats))
        operations = sum(count(package).values())
        rows.append(
            (
                attention,
                f"{first['load_s']:.1f}",
                f"{warm['load_s']:.1f}",
                f"{warm['step_ms'] / 1000:.2f}",
                f"{warm['step_ms'] / mean(eager[-2:]):.2f}",
                f"{operations / warm['step_ms'] / 1e6:.0f}",
                f"{warm['rss_gb']:.1f}",
                f"{warm['peak_gb']:.1f}",
            )
        )
    steps = " ".join(f"{ms / 1000:.2f}" for ms in eager)
    rows.append(
        ("torch eager", "", "", steps, "1.00", f"{operations / mean(eager) / 1e6:.0f}", "", "")
    )
    show(
        f"U-Net of Stable Diffusion 1.5's size, {threads} threads, median of {options.repeats}",
        (
            "",
            "first load, s",
            "load, s",
            "step, s",
            "to torch",
            "1e9 operations/s",
            "resident, GB",
            "peak, GB",
        ),
        rows,
    )
    print(f"A step has {operations / 1e12:.3f}e12 operations.")


if __name__ == "__main__":
    main()
