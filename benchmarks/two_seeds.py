"""What two seeds at once save where an unguided image leaves half of a U-Net of batch 2 unused.

    python -m benchmarks.two_seeds [--runtime openvino] [--rounds 10]

Alone, an image without guidance gives such a U-Net the same row twice and one result is dropped. In a pair the second
row is another seed's. Both ways take the same steps of the same networks of the demo model in turns, decode each image,
and have the prompt encoded before; the safety checker is left out.
"""

from __future__ import annotations

import argparse
import os
import time
from statistics import median
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.bench import PROMPTS, data_folder, show
from sdq_core.models import DEMO, ModelStore
from sdq_core.values.part_units import PartUnits
from sdq_core.values.recipes import DEFAULT_RNG
from sdq_core.values.runtimes import RuntimeChoice
from sdq_core.values.safety import Safety
from sdq_core.values.variants import AttentionImplementation, ComputeUnit, Scheduler
from worker.pipelines.contract import ImageRequest
from worker.pipelines.families import Pieces, assemble
from worker.pipelines.noise import make_noise
from worker.pipelines.schedulers import make_scheduler
from worker.runtimes.choice import choose_runtime

SCHEDULER = Scheduler.EULER_DISCRETE


class Drawn(NamedTuple):
    """What an image took, by the clock and of the processor, s; and the pixels of the first."""

    clock_s: float
    processor_s: float
    pixels: NDArray[np.uint8]


def draw(pieces: Pieces, steps: int, seeds: tuple[int, ...]) -> Drawn:
    """Draw the images of one or two seeds in the same evaluations."""
    request = ImageRequest(
        prompt=PROMPTS[0], negative_prompt="", seed=0, num_inference_steps=steps,
        guidance_scale=0.0, scheduler=SCHEDULER,
    )  # fmt: skip
    (told,) = pieces.conditioner.condition(request, guided=False).batches(2)
    started, worked = time.perf_counter(), time.process_time()
    noises = [make_noise(DEFAULT_RNG, seed) for seed in seeds]
    schedulers = [make_scheduler(SCHEDULER, pieces.scheduler_config, steps, 0) for _ in seeds]
    latents = [
        noise.normal(pieces.unet.latents_shape).astype(np.float32) * scheduler.init_noise_sigma
        for noise, scheduler in zip(noises, schedulers, strict=True)
    ]
    for timestep in schedulers[0].timesteps:
        seen = [one.scale_model_input(each) for one, each in zip(schedulers, latents, strict=True)]
        rows = np.concatenate(seen * (2 // len(seeds)))
        predicted = pieces.unet(rows, float(timestep), told)
        latents = [
            scheduler.step(predicted[row : row + 1], latents[row], noises[row])
            for row, scheduler in enumerate(schedulers)
        ]
    pixels = [pieces.vae_decoder.decode(each).pixels for each in latents]
    return Drawn(
        (time.perf_counter() - started) / len(seeds),
        (time.process_time() - worked) / len(seeds),
        pixels[0],
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runtime", type=RuntimeChoice, default=RuntimeChoice.AUTO)
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    rows = []
    with data_folder() as home:
        runtime = choose_runtime(
            cache=home / "cache", threads=os.cpu_count(), choice=options.runtime
        )
        folder = ModelStore(home / "models").find(DEMO, AttentionImplementation.ORIGINAL)
        (home / "cache").mkdir()
        pieces = assemble(folder, runtime, PartUnits.all_on(ComputeUnit.ALL), Safety.OFF)
        assert pieces.unet.batch == 2
        for steps in (1, 4, 20):
            pairs = []
            for _ in range(options.rounds + 2):
                pairs.append((draw(pieces, steps, (1,)), draw(pieces, steps, (1, 2))))
            pairs = pairs[2:]
            one, two = zip(*pairs, strict=True)
            clock = sorted(alone.clock_s / both.clock_s for alone, both in pairs)
            rows.append(
                (
                    str(steps),
                    f"{median(each.clock_s for each in one) * 1000:.0f}",
                    f"{median(each.clock_s for each in two) * 1000:.0f}",
                    f"{median(clock):.2f} ({clock[0]:.2f} to {clock[-1]:.2f})",
                    f"{median(a.processor_s / b.processor_s for a, b in pairs):.2f}",
                    "yes" if np.array_equal(one[0].pixels, two[0].pixels) else "no",
                )
            )
    show(
        f"ms an image without guidance, {runtime.name}, median of {options.rounds} rounds",
        ("steps", "one seed", "two at once", "times faster", "by processor time", "same pixels"),
        rows,
    )


if __name__ == "__main__":
    main()
