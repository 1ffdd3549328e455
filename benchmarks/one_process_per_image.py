"""A new process for each image, as Apple's command line is used, against sdq's time per image.

The process imports, loads the translated model from the cache, draws one image and ends; it writes no file. So the
comparison favours it.

    python -m benchmarks.one_process_per_image [--images 8] [--steps 20]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from statistics import median

from benchmarks.bench import data_folder, show
from benchmarks.drain import bare, drain

_ONE = """
import sys
from pathlib import Path
from benchmarks.bench import PROMPTS
from sdq.models import DEMO, ModelStore
from sdq.variants import AttentionImplementation, ComputeUnit, Scheduler
from worker.pipelines.builtin import BuiltinPipeline
from worker.pipelines.contract import ImageRequest
from worker.runtimes.choice import choose_runtime
cache = Path(sys.argv[1])
folder = ModelStore(cache).find(DEMO, AttentionImplementation.ORIGINAL)
pipeline = BuiltinPipeline.load(folder, choose_runtime(cache=cache, threads=None), ComputeUnit.ALL)
pipeline.draw(ImageRequest(prompt=PROMPTS[0], negative_prompt="fog", seed=int(sys.argv[2]),
    num_inference_steps=int(sys.argv[3]), guidance_scale=7.5, scheduler=Scheduler.DPM_SOLVER_MULTISTEP),
    lambda done, total: None)
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--steps", type=int, default=20)
    options = parser.parse_args()
    alone = []
    with data_folder() as home:
        bare(home, 1, 1, 1)
        for seed in range(options.images):
            started = time.perf_counter()
            command = [
                sys.executable,
                "-c",
                _ONE,
                str(home / "cache"),
                str(seed),
                str(options.steps),
            ]
            subprocess.run(command, check=True)
            alone.append((time.perf_counter() - started) * 1000)
        through = drain(home, 10, 4, options.steps, 0)
    show(
        f"one process per image, {options.steps} steps, median of {options.images}",
        ("", "ms per image", "ratio to sdq"),
        [
            ("one process per image", f"{median(alone):.0f}", f"{median(alone) / through:.1f}"),
            ("sdq worker", f"{through:.0f}", "1.0"),
        ],
    )


if __name__ == "__main__":
    main()
