"""The runtimes that are installed here against ONNX Runtime: a full-size U-Net's step, loading it, and demo pictures.

    python -m benchmarks.runtimes full-size/original.mlpackage [--rounds 9] [--pictures 10] [--cache full-size/cache]

Fair, because all compute the same package with as many threads, each loaded in a process of its own, one step after the
other in turns: a round is one step of each, the first runtime another one every time. The ratio is the median over the
rounds, of which those in which other programs were busy are left out. `benchmarks.full_size` makes the package; random
weights do not change the speed, but they do change what rounding does, so that of a step says less than the pictures:
those are of the demo model, 20 steps, each against the same picture by ONNX Runtime.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import psutil
from numpy.typing import NDArray
from PIL import Image

from benchmarks.bench import show
from benchmarks.pairs import QUIET, around_median, others
from sdq_core.images.pixels import psnr_db
from sdq_core.models import DEMO, ModelStore
from sdq_core.values.part_units import PartUnits
from sdq_core.values.recipes import DEFAULT_GUIDANCE_SCALE, DEFAULT_SCHEDULER
from sdq_core.values.runtimes import RuntimeChoice
from sdq_core.values.variants import AttentionImplementation, ComputeUnit
from worker.pipelines.builtin import BuiltinPipeline
from worker.pipelines.contract import ImageRequest
from worker.runtimes.choice import choose_runtime, runtimes_here

REFERENCE = RuntimeChoice.ONNX
PROMPTS = (
    "a lighthouse on the right and the sea at sunset with clouds",
    "a house by the sea at night",
    "a red boat",
    "a tent in the forest in the snow",
    "mountains and a lake in the morning",
)


def serve(name: str, package: Path, cache: Path, threads: int) -> None:
    """Load in this process, then run a step for each line of standard input; answer each with JSON."""
    runtime = choose_runtime(cache=cache, threads=threads, choice=RuntimeChoice(name))
    started = time.perf_counter()
    model = runtime.load(package, ComputeUnit.ALL)
    print(json.dumps({"load_s": time.perf_counter() - started}), flush=True)
    rng = np.random.default_rng(0)
    inputs = {
        key: rng.standard_normal(spec["shape"]).astype(spec["dtype"])
        for key, spec in sorted(model.expected_inputs.items())
    } | {"timestep": np.full(2, 500, np.float16)}
    for line in sys.stdin:
        started = time.perf_counter()
        (result,) = model(**inputs).values()
        answer = {
            "step_ms": (time.perf_counter() - started) * 1000,
            "rss_gb": psutil.Process().memory_info().rss / 1e9,
            "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9,
        }
        if line.strip():
            np.save(line.strip(), result)
        print(json.dumps(answer), flush=True)


class Loaded:
    """A runtime with the U-Net, in a process of its own."""

    def __init__(self, name: str, package: Path, cache: Path, threads: int) -> None:
        command = [sys.executable, "-m", "benchmarks.runtimes", str(package), "--one", name]
        command += ["--cache", str(cache), "--threads", str(threads)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.load_s = self._answer()["load_s"]

    def step(self, keep: Path | str = "") -> dict[str, float]:
        """Run a step; keep: write the result there."""
        assert self.process.stdin is not None
        print(keep, file=self.process.stdin, flush=True)
        return self._answer()

    def end(self) -> None:
        """End the process."""
        self.process.communicate()

    def _answer(self) -> dict[str, float]:
        assert self.process.stdout is not None
        found: dict[str, float] = json.loads(self.process.stdout.readline())
        return found


@contextmanager
def loaded(
    names: list[str], package: Path, cache: Path, threads: int
) -> Iterator[Mapping[str, Loaded]]:
    """Load all, one after the other."""
    found: dict[str, Loaded] = {}
    try:
        for name in names:
            found[name] = Loaded(name, package, cache, threads)
        yield found
    finally:
        for one in found.values():
            one.end()


def likeness_db(reference: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Return the PSNR of a network's output, by its largest value."""
    noise = float(np.sqrt(np.mean((reference - other) ** 2)))
    return float("inf") if noise == 0 else 20 * np.log10(np.abs(reference).max() / noise)


def steps(names: list[str], options: argparse.Namespace) -> None:
    """Measure the full-size U-Net and print."""
    first: dict[str, float] = {}
    with TemporaryDirectory(dir=options.cache.parent) as empty:
        for name in names:
            with loaded([name], options.package, Path(empty) / name, options.threads) as one:
                first[name] = one[name].load_s
    # Once for the cache, so that the next load finds it.
    with loaded(names, options.package, options.cache, options.threads):
        pass
    times: dict[str, list[float]] = {name: [] for name in names}
    busy = 0
    with (
        TemporaryDirectory() as folder,
        loaded(names, options.package, options.cache, options.threads) as runtimes,
    ):
        results = {}
        for name, runtime in runtimes.items():
            runtime.step(Path(folder) / name)
            results[name] = np.load(Path(folder) / f"{name}.npy")
        last = {}
        for number in range(options.rounds):
            turn = number % len(names)
            running = [runtime.process.pid for runtime in runtimes.values()]
            with others(*running) as watched:
                round_ = {}
                for name in [*names[turn:], *names[:turn]]:
                    last[name] = runtimes[name].step()
                    round_[name] = last[name]["step_ms"]
            if watched.share > QUIET and not options.busy:
                busy += 1
                continue
            for name, ms in round_.items():
                times[name].append(ms)
        warm = {name: runtime.load_s for name, runtime in runtimes.items()}
    if not times[names[0]]:
        print(f"Others were busy in all {busy} rounds; --busy counts them all the same.")
        return
    rows = []
    for name in names:
        ratios = [ms / ours for ms, ours in zip(times[name], times[REFERENCE], strict=True)]
        between = around_median(ratios)
        rows.append(
            (
                name,
                f"{first[name]:.1f}",
                f"{warm[name]:.1f}",
                f"{median(times[name]) / 1000:.2f}",
                f"{median(ratios):.3f}",
                "" if between is None else f"{between[0]:.3f} to {between[1]:.3f}",
                f"{likeness_db(results[REFERENCE], results[name]):.1f}",
                f"{last[name]['rss_gb']:.1f}",
                f"{last[name]['peak_gb']:.1f}",
            )
        )
    show(
        f"{options.package.name}, {options.threads} threads, {len(times[names[0]])} rounds, {busy} left out as busy",
        ("", "first load, s", "load, s", "step, s", "ratio", "95 % of it", "step, dB", "resident, GB", "peak, GB"),
        rows,
    )  # fmt: skip


def pictures(names: list[str], options: argparse.Namespace) -> None:
    """Draw with the demo model and print how alike the pictures are."""
    folder = ModelStore(options.cache).find(DEMO, AttentionImplementation.ORIGINAL)
    drawn: dict[str, list[Image.Image]] = {}
    for name in names:
        runtime = choose_runtime(
            cache=options.cache, threads=options.threads, choice=RuntimeChoice(name)
        )
        pipeline = BuiltinPipeline.load(folder, runtime, PartUnits.all_on(ComputeUnit.ALL))
        drawn[name] = [
            Image.fromarray(
                pipeline.draw(
                    ImageRequest(
                        prompt=PROMPTS[seed % len(PROMPTS)],
                        negative_prompt="",
                        seed=seed,
                        num_inference_steps=20,
                        guidance_scale=DEFAULT_GUIDANCE_SCALE,
                        scheduler=DEFAULT_SCHEDULER,
                    ),
                    lambda _done, _total: None,
                ).pixels
            )
            for seed in range(options.pictures)
        ]
    rows = []
    for name in names:
        found = [psnr_db(a, b) for a, b in zip(drawn[REFERENCE], drawn[name], strict=True)]
        rows.append((name, f"{min(found):.1f}", f"{median(found):.1f}"))
    show(
        f"demo model, {options.pictures} pictures of 20 steps, dB against {REFERENCE}",
        ("", "worst", "median"),
        rows,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("package", type=Path)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--pictures", type=int, default=10)
    parser.add_argument("--cache", type=Path, default=Path("full-size/cache"))
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--busy", action="store_true", help="count rounds in which others were busy"
    )
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        serve(options.one, options.package, options.cache, options.threads)
        return
    options.cache.mkdir(parents=True, exist_ok=True)
    here = runtimes_here(REFERENCE)
    for name, runtime in here.items():
        print(name, *(f"{key} {value}" for key, value in runtime.versions.items()))
    names = list(here)
    pictures(names, options)
    steps(names, options)


if __name__ == "__main__":
    main()
