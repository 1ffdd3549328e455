"""The runtime's U-Net step for each attention variant, against torch eager on the same architecture where torch is.

The variants are measured in turns within one run. Torch runs diffusers' module of the demo model (random weights: they
do not change the speed) on inputs of the same shape with the same number of threads, in another interpreter if need be:

    python -m benchmarks.steps [--repeats 60] [--torch-python PATH]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.bench import data_folder, show
from sdq_core.models import DEMO, ModelStore
from sdq_core.values.variants import ComputeUnit
from worker.runtimes.choice import choose_runtime

TOOLS = Path(__file__).resolve().parents[1] / "tools" / "demo_model"

_TORCH = """
import sys, time
from statistics import median
import torch
sys.path.insert(0, sys.argv[1])
from networks import Denoiser
torch.set_num_threads(int(sys.argv[2]))
module = Denoiser().eval()
inputs = torch.randn(2, 4, 16, 16), torch.tensor([500, 500]), torch.randn(2, 77, 128)
times = []
with torch.no_grad():
    for _ in range(int(sys.argv[3]) + 5):
        started = time.perf_counter()
        module(*inputs)
        times.append((time.perf_counter() - started) * 1000)
print(median(times[5:]))
"""


def torch_ms(python: str, threads: int, repeats: int) -> float | None:
    """Measure torch eager in the given interpreter; None when torch or diffusers is not there."""
    command = [python, "-c", _TORCH, str(TOOLS), str(threads), str(repeats)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return float(result.stdout.split()[-1]) if result.returncode == 0 else None


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=60)
    parser.add_argument("--torch-python", default=sys.executable)
    options = parser.parse_args()
    threads = os.cpu_count() or 1
    rng = np.random.default_rng(0)
    times: dict[str, list[float]] = {}
    with data_folder() as home:
        store = ModelStore(home / "models")
        runtime = choose_runtime(cache=home / "cache", threads=threads)
        models = {
            str(attention): runtime.load(store.find(DEMO, attention).parts["unet"], ComputeUnit.ALL)
            for attention in store.attention_implementations(DEMO)
        }
        for turn in range(options.repeats + 5):
            for name, model in models.items():
                inputs = {
                    key: rng.standard_normal(spec["shape"]).astype(spec["dtype"])
                    for key, spec in model.expected_inputs.items()
                } | {"timestep": np.full(2, 500, np.float16)}
                started = time.perf_counter()
                model(**inputs)
                if turn >= 5:
                    times.setdefault(name, []).append((time.perf_counter() - started) * 1000)
    eager = torch_ms(options.torch_python, threads, options.repeats)
    original = median(times["original"])
    rows = [
        (
            name,
            f"{median(series):.1f}",
            f"{median(series) / original:.2f}",
            "" if eager is None else f"{median(series) / eager:.2f}",
        )
        for name, series in times.items()
    ]
    rows.append(
        ("torch eager", "not installed", "", "")
        if eager is None
        else ("torch eager", f"{eager:.1f}", f"{eager / original:.2f}", "1.00")
    )
    show(
        f"U-Net step of the demo model, {threads} threads, median of {options.repeats}",
        ("", "ms", "to original", "to torch"),
        rows,
    )


if __name__ == "__main__":
    main()
