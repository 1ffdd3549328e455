"""The floor: the same pipeline in one process without queue, ledger or files. Prints what an image took, a line each.

`python -m benchmarks.bare_loop CACHE PROMPTS SEEDS STEPS [each]`; with `each` the text is encoded for every image, as
Apple's pipeline does. The first image is drawn twice and its first time left out (warm-up). A line is JSON, in ms: the
whole image (`image`), the process's processor time for it (`cpu`), and the pipeline's own parts.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from benchmarks.bench import PROMPTS
from sdq_core.models import DEMO, ModelStore
from sdq_core.values.part_units import PartUnits
from sdq_core.values.recipes import DEFAULT_GUIDANCE_SCALE, DEFAULT_SCHEDULER
from sdq_core.values.variants import AttentionImplementation, ComputeUnit
from worker.pipelines.builtin import BuiltinPipeline
from worker.pipelines.contract import ImageRequest
from worker.runtimes.choice import choose_runtime

#: What the pipeline times of an image, one after the other.
PARTS = ("text_encode", "denoise", "decode", "safety")


def main() -> None:
    """Draw and print."""
    cache, prompts, seeds, steps = Path(sys.argv[1]), *(int(word) for word in sys.argv[2:5])
    folder = ModelStore(cache).find(DEMO, AttentionImplementation.ORIGINAL)
    runtime = choose_runtime(cache=cache, threads=None)

    def load() -> BuiltinPipeline:
        return BuiltinPipeline.load(folder, runtime, PartUnits.all_on(ComputeUnit.ALL))

    pipeline = load()
    negative = 0
    for index, seed in [(0, 0), *((p, s) for p in range(prompts) for s in range(seeds))]:
        if "each" in sys.argv:
            negative += 1  # another negative prompt is another text: nothing can be reused
        request = ImageRequest(
            prompt=PROMPTS[index % len(PROMPTS)]
            + f" {index}"
            + (f" {negative}" if negative else ""),
            negative_prompt="fog" + (f" {negative}" if negative else ""),
            seed=seed,
            num_inference_steps=steps,
            guidance_scale=DEFAULT_GUIDANCE_SCALE,
            scheduler=DEFAULT_SCHEDULER,
        )
        started = time.perf_counter()
        started_cpu = time.process_time()
        drawn = pipeline.draw(request, lambda _done, _total: None)
        took = {
            "image": (time.perf_counter() - started) * 1000,
            "cpu": (time.process_time() - started_cpu) * 1000,
            **{part: getattr(drawn, f"{part}_ms") for part in PARTS},
        }
        print(json.dumps(took), flush=True)


if __name__ == "__main__":
    main()
