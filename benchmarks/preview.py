"""What previews of the image in hand cost: one by itself, of three sizes, and an engine that makes them.

An engine makes one with each report of steps, four times a second at most, and its worker encodes every other one while
somebody watches. Two engines of the demo model draw the same images in turns, one of them with previews.

    python -m benchmarks.preview [--rounds 40]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import psutil

from benchmarks.bench import PROMPTS, data_folder, show
from sdq_core.images.fitted import thumbnail_of
from sdq_core.images.pixels import image_from_rgb
from sdq_core.models import DEMO, ModelStore
from sdq_core.models.scheduler_config import SchedulerConfig
from sdq_core.values.part_units import PartUnits
from sdq_core.values.variants import AttentionImplementation, ComputeUnit, Scheduler
from worker.engine.handle import Deadlines, Engine
from worker.engine.messages import Drawn, Launch
from worker.pipelines.contract import ImageRequest
from worker.pipelines.denoise import Evaluation
from worker.pipelines.parts import Parts
from worker.pipelines.preview import Previews
from worker.pipelines.schedulers import make_scheduler
from worker.runtimes.choice import choose_runtime

_SIDES = {"demo, 128": 16, "SD 1, 512": 64, "XL, 1024": 128}
_REPEATS = 200


def milliseconds(what: Callable[[], object]) -> float:
    """Return the median time of a call."""
    times = []
    for _ in range(_REPEATS):
        began = time.perf_counter()
        what()
        times.append((time.perf_counter() - began) * 1000)
    return median(times)


def one(side: int) -> tuple[float, float, float, int]:
    """Return what a preview takes the engine, the fit to an image, and a preview the worker, ms, and its bytes."""
    random = np.random.RandomState(0)
    scheduler = make_scheduler(Scheduler.EULER_DISCRETE, SchedulerConfig(values={}, origin=""), 20)
    previews = Previews("epsilon")
    latents, noise = random.randn(2, 1, 4, side, side).astype(np.float32)
    pixels = random.randint(0, 256, (8 * side, 8 * side, 3), dtype=np.uint8)
    previews.learn(latents, pixels)
    evaluation = Evaluation(
        done=5, total=20, latents=latents, index=5, sample=latents, noise_pred=noise
    )
    found = previews.picture(scheduler, evaluation)
    assert found is not None

    def encoded() -> bytes:
        return thumbnail_of(image_from_rgb(found.tobytes(), side, side), side).data

    made = milliseconds(lambda: previews.picture(scheduler, evaluation))
    learnt = milliseconds(lambda: previews.learn(latents, pixels))
    return made, learnt, milliseconds(encoded), len(encoded())


def draw(engine: Engine, number: int, steps: int) -> float:
    """Draw an image; return the processor time that it took, ms."""
    request = ImageRequest(
        prompt=PROMPTS[number % len(PROMPTS)],
        negative_prompt="",
        seed=number,
        num_inference_steps=steps,
        guidance_scale=7.5,
        scheduler=Scheduler.DPM_SOLVER_MULTISTEP,
    )
    process = psutil.Process(engine.pid)
    before = sum(process.cpu_times()[:2])
    engine.request(number, request)
    while not isinstance(engine.poll(1), Drawn):
        pass
    return (sum(process.cpu_times()[:2]) - before) * 1000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--steps", type=int, default=100)
    given = parser.parse_args()
    rows = []
    for name, side in _SIDES.items():
        made, learnt, encoded, count = one(side)
        rows.append((name, f"{made:.2f}", f"{learnt:.2f}", f"{encoded:.2f}", f"{count:,}"))
    show(
        "One preview", ("model", "engine, ms", "its fit, ms an image", "worker, ms", "bytes"), rows
    )

    with data_folder() as home:
        folder = ModelStore(home / "models").find(DEMO, AttentionImplementation.ORIGINAL)
        units = PartUnits.all_on(ComputeUnit.ALL)
        runtime = choose_runtime(cache=home / "cache", threads=1)
        parts = Parts.load(folder, runtime, units)
        fit = milliseconds(
            lambda: Previews.fitted(parts.vae_decoder, parts.unet.latents_shape, "epsilon")
        )
        engines = []
        for with_previews in (False, True):
            launch = Launch(
                folder=folder,
                compute_unit=ComputeUnit.ALL,
                cache=home / "cache",
                threads=1,
                with_previews=with_previews,
            )
            engine = Engine(launch, Deadlines())
            engine.wait_until_ready()
            draw(engine, 0, given.steps)
            engines.append(engine)
        ratios, plain = [], []
        for number in range(given.rounds):
            times = {}
            for place in (number % 2, 1 - number % 2):
                times[place] = draw(engines[place], number, given.steps)
            plain.append(times[0])
            ratios.append(times[1] / times[0])
        for engine in engines:
            engine.kill()
    ratios.sort()
    quarter = len(ratios) // 4
    show(
        f"The demo model, {given.steps} steps, {given.rounds} pairs",
        ("fit, once, ms", "image without, ms", "with / without", "middle half"),
        [
            (
                f"{fit:.0f}",
                f"{median(plain):.0f}",
                f"{median(ratios):.3f}",
                f"{ratios[quarter]:.3f} to {ratios[-quarter - 1]:.3f}",
            )
        ],
    )


if __name__ == "__main__":
    main()
