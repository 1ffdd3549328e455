"""Draw the same prompts and seeds with the demo model and with the one of few steps, for docs/few-steps.jpg.

    python side_by_side.py --out ../../docs/few-steps.jpg

Above 20 steps with guidance, below four without; also says what processor time a picture takes. Needs sdq with its
`onnx` extra.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from sdq_core.models import ModelStore
from sdq_core.values.part_units import PartUnits
from sdq_core.values.variants import AttentionImplementation, ComputeUnit, Scheduler
from worker.pipelines.builtin import BuiltinPipeline
from worker.pipelines.contract import ImageRequest
from worker.runtimes.choice import choose_runtime

PROMPTS = (
    "a red lighthouse on the right in the sea at sunset under a clear sky",
    "a blue tent on the left in snow at night under a clear sky",
    "a yellow balloon in the middle in the mountains at dawn in the fog",
    "a purple house on the left and a green tree on the right in a meadow by day under a cloudy sky",
    "a red kite on the left in a desert by day under a cloudy sky",
    "a green lighthouse in the middle in the sea at night in the rain",
)
SEEDS = (0, 1)
MODELS = {
    "demo": (20, 3.5, Scheduler.DPM_SOLVER_MULTISTEP),
    "demo-turbo": (4, 0.0, Scheduler.EULER_DISCRETE),
}
GAP = 4


def draw(name: str) -> list[NDArray[np.uint8]]:
    """Every prompt with every seed."""
    steps, guidance, scheduler = MODELS[name]
    folder = ModelStore(Path("none")).find(name, AttentionImplementation.ORIGINAL)
    drawn, times = [], []
    with tempfile.TemporaryDirectory() as cache:
        runtime = choose_runtime(cache=Path(cache), threads=1)
        pipeline = BuiltinPipeline.load(folder, runtime, PartUnits.all_on(ComputeUnit.ALL))
        for seed in SEEDS:
            for prompt in PROMPTS:
                began = time.process_time()
                request = ImageRequest(
                    prompt=prompt,
                    negative_prompt="",
                    seed=seed,
                    num_inference_steps=steps,
                    guidance_scale=guidance,
                    scheduler=scheduler,
                )
                drawn.append(pipeline.draw(request, lambda _done, _total: None).pixels)
                times.append(time.process_time() - began)
    print(f"{name}: {median(times):.3f} s of processor time a picture")
    return drawn


def main() -> None:
    """Draw and lay out: for each seed the two models' rows, close together."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    many, few = (draw(name) for name in MODELS)
    side, columns = many[0].shape[0], len(PROMPTS)
    pair = 2 * side + GAP
    size = (columns * (side + GAP) + GAP, len(SEEDS) * (pair + 3 * GAP) - GAP)
    sheet = Image.new("RGB", size, "white")
    for index in range(len(many)):
        row, column = divmod(index, columns)
        x, y = GAP + column * (side + GAP), GAP + row * (pair + 3 * GAP)
        sheet.paste(Image.fromarray(many[index]), (x, y))
        sheet.paste(Image.fromarray(few[index]), (x, y + side + GAP))
    sheet.save(options.out, quality=88)


if __name__ == "__main__":
    main()
