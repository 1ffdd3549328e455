"""A new process for each image, as Apple's command line is used, against sdq's time per image.

The process imports, loads the translated model from the cache, draws one image and ends; it writes no file. So the
comparison favours it. With an interpreter that has Apple's package, a process that draws with Apple's own pipeline is
measured too, over the same runtime: what their command line does, with its imports.

    python -m benchmarks.one_process_per_image [--images 8] [--steps 20] [--apple-python PATH]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from statistics import median

from benchmarks.bench import data_folder, show
from benchmarks.drain import Size, bare, drain

_ONE = """
import sys
from pathlib import Path
from benchmarks.bench import PROMPTS
from sdq_core.models import DEMO, ModelStore
from sdq_core.values.part_units import PartUnits
from sdq_core.values.variants import AttentionImplementation, ComputeUnit, Scheduler
from worker.pipelines.{module} import {pipeline}
from worker.pipelines.contract import ImageRequest
from worker.runtimes.choice import choose_runtime
cache = Path(sys.argv[1])
folder = ModelStore(cache).find(DEMO, AttentionImplementation.ORIGINAL)
pipeline = {pipeline}.load(folder, choose_runtime(cache=cache, threads=None), PartUnits.all_on(ComputeUnit.ALL))
pipeline.draw(ImageRequest(prompt=PROMPTS[0], negative_prompt="fog", seed=int(sys.argv[2]),
    num_inference_steps=int(sys.argv[3]), guidance_scale=7.5, scheduler=Scheduler.DPM_SOLVER_MULTISTEP),
    lambda done, total: None)
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--apple-python", help="an interpreter with Apple's package and sdq")
    options = parser.parse_args()
    builtin = (sys.executable, _ONE.format(module="builtin", pipeline="BuiltinPipeline"))
    ways = {"one process per image": builtin}
    if options.apple_python:
        apple = (options.apple_python, _ONE.format(module="apple", pipeline="ApplePipeline"))
        ways["the same with Apple's pipeline"] = apple
    alone: dict[str, list[float]] = {way: [] for way in ways}
    with data_folder() as home:
        bare(home, Size(prompts=1, seeds=1, steps=1))
        for seed in range(options.images):
            for way, (python, program) in ways.items():
                command = [python, "-c", program, str(home / "cache"), str(seed)]
                started = time.perf_counter()
                subprocess.run([*command, str(options.steps)], check=True)
                alone[way].append((time.perf_counter() - started) * 1000)
        through = drain(home, Size(prompts=10, seeds=4, steps=options.steps), 0).image_ms
    rows = [
        (way, f"{median(times):.0f}", f"{median(times) / through:.1f}")
        for way, times in alone.items()
    ]
    show(
        f"one process per image, {options.steps} steps, median of {options.images}",
        ("", "ms per image", "ratio to sdq"),
        [*rows, ("sdq worker", f"{through:.0f}", "1.0")],
    )


if __name__ == "__main__":
    main()
