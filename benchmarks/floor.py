"""How soon this machine could compute a U-Net's step in float32 at best: its operations, and the rates it reaches.

The rates are those of ONNX Runtime on what a U-Net of Stable Diffusion's size mostly consists of, a few of the same in
a row so that copying does not count: 3x3 convolutions, linear layers, and one matrix product as large as they come,
which NumPy (with OpenBLAS) multiplies for comparison. The floor takes the highest of them for all operations.

    python -m benchmarks.floor [PACKAGE ...] [--repeats 5]

PACKAGE: the U-Nets to count, by default the demo model's; `benchmarks.full_size` makes two of Stable Diffusion 1.5's
size. Each rate is the best of its repeats, in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from benchmarks.bench import show
from benchmarks.operations import count
from sdq_core.models import DEMO, ModelStore
from sdq_core.values.variants import AttentionImplementation

#: Channels and height of latents in a U-Net of Stable Diffusion 1.5's size, for pictures of 512x512 with guidance.
LEVELS = ((320, 64), (640, 32), (1280, 16))
BATCH = 2
IN_A_ROW = 4
SQUARE = 2048


def session(
    nodes: list[object], shape: list[int], weights: list[np.ndarray], threads: int
) -> Callable[[], object]:
    """Give a call of ONNX Runtime. nodes: from `x` to `y`; weights: `w0`, `w1`, ..."""
    graph = helper.make_graph(
        nodes,
        "rate",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(weight, f"w{number}") for number, weight in enumerate(weights)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    loaded = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    feed = {"x": random(*shape)}
    return lambda: loaded.run(None, feed)


def random(*shape: int) -> np.ndarray:
    """Give float32 noise so small that it stays finite through all layers."""
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32) * np.float32(0.01)


def chain(kind: str, **attributes: object) -> list[object]:
    """Give IN_A_ROW nodes of a kind, each with its weight."""
    names = ["x", *(f"h{number}" for number in range(1, IN_A_ROW)), "y"]
    return [
        helper.make_node(kind, [names[i], f"w{i}"], [names[i + 1]], **attributes)
        for i in range(IN_A_ROW)
    ]


def works(threads: int) -> dict[str, tuple[Callable[[], object], int]]:
    """Give what is measured: name -> a call, and its operations."""
    found: dict[str, tuple[Callable[[], object], int]] = {}
    for channels, height in LEVELS:
        pixels = BATCH * height * height
        found[f"3x3 convolutions, {channels} channels, {height}x{height}"] = (
            session(
                chain("Conv", pads=[1, 1, 1, 1]),
                [BATCH, channels, height, height],
                [random(channels, channels, 3, 3) for _ in range(IN_A_ROW)],
                threads,
            ),
            2 * IN_A_ROW * pixels * channels * channels * 9,
        )
        found[f"linear layers, {channels} channels, {height}x{height}"] = (
            session(
                chain("MatMul"),
                [BATCH, height * height, channels],
                [random(channels, channels) for _ in range(IN_A_ROW)],
                threads,
            ),
            2 * IN_A_ROW * pixels * channels * channels,
        )
    square = random(SQUARE, SQUARE)
    product = [helper.make_node("MatMul", ["x", "w0"], ["y"])]
    found[f"one product of {SQUARE}x{SQUARE}"] = (
        session(product, [SQUARE, SQUARE], [square], threads),
        2 * SQUARE**3,
    )
    found["the same, NumPy"] = (lambda: square @ square, 2 * SQUARE**3)
    return found


def measure(threads: int, repeats: int) -> dict[str, float]:
    """Measure in this process: name -> operations per second."""
    rates = {}
    for name, (call, operations) in works(threads).items():
        call()
        times = []
        for _ in range(repeats):
            started = time.perf_counter()
            call()
            times.append(time.perf_counter() - started)
        rates[name] = operations / min(times)
    return rates


def apart(threads: int, repeats: int) -> dict[str, float]:
    """Measure in a process of its own, in which NumPy has as many threads."""
    output = subprocess.run(
        [sys.executable, "-m", "benchmarks.floor", "--repeats", str(repeats), "--one", str(threads)],
        env=os.environ | {"OPENBLAS_NUM_THREADS": str(threads)},
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    rates: dict[str, float] = json.loads(output.splitlines()[-1])
    return rates


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("packages", nargs="*", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one, options.repeats)))
        return
    cores = os.cpu_count() or 1
    one, every = apart(1, options.repeats), apart(cores, options.repeats)
    show(
        f"float32 operations a second, 1e9, best of {options.repeats}",
        ("", "1 thread", f"{cores} threads"),
        [(name, f"{one[name] / 1e9:.0f}", f"{every[name] / 1e9:.0f}") for name in one],
    )
    best = max(every.values())
    packages = options.packages
    rows = []
    if not packages:
        folder = ModelStore(Path("unused")).find(DEMO, AttentionImplementation.ORIGINAL)
        packages = [folder.parts["unet"]]
    for package in packages:
        counted = count(package)
        rows += [(f"  {kind}", f"{number / 1e9:,.2f}", "") for kind, number in counted.items()]
        total = sum(counted.values())
        rows.insert(
            len(rows) - len(counted), (str(package), f"{total / 1e9:,.2f}", f"{total / best:.3f}")
        )
    show(
        f"a step, at best {best / 1e9:.0f}e9 operations a second",
        ("", "operations, 1e9", "floor, s"),
        rows,
    )


if __name__ == "__main__":
    main()
