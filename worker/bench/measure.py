"""One row: loads a variant in two fresh engines, as the worker starts them, and draws with the second."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from sdq_core.values.recipes import DEFAULT_GUIDANCE_SCALE, DEFAULT_SCHEDULER
from worker.bench.candidates import Candidate
from worker.engine.handle import Deadlines, Engine
from worker.engine.messages import Launch, Ready
from worker.pipelines.contract import DrawnImage, ImageRequest
from worker.runtimes.disk import disk_errors, drop_stale

_TEMPORARY = "bench-"

#: Enough steps to load what the first image loads lazily; not part of the measurement.
_WARM_UP_STEPS = 2


@dataclass(frozen=True, kw_only=True)
class Task:
    """What every row draws: a prompt with the seeds 0, 1, 2 and so on."""

    prompt: str
    num_inference_steps: int
    images: int

    def request(self, seed: int, *, steps: int | None = None) -> ImageRequest:
        """Return the request for one of its images. steps: overrides the number of steps."""
        return ImageRequest(
            prompt=self.prompt,
            negative_prompt="",
            seed=seed,
            num_inference_steps=steps or self.num_inference_steps,
            guidance_scale=DEFAULT_GUIDANCE_SCALE,
            scheduler=DEFAULT_SCHEDULER,
        )


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a row's engines reported.

    task: what was drawn.
    first_load_ms: the first engine's load, with nothing compiled or translated.
    ready: the second engine's report.
    images: the task's images, by seed.
    peak_bytes: the most memory resident in the second engine.
    """

    task: Task
    first_load_ms: float
    ready: Ready
    images: Sequence[DrawnImage]
    peak_bytes: int

    @property
    def step_ms(self) -> float:
        """ms per step, with both evaluations of a U-Net of batch 1: the median over the images' means."""
        return median(image.denoise_ms for image in self.images) / self.task.num_inference_steps

    @property
    def image_ms(self) -> float:
        """ms per image, from its latents to its checked pixels: the median. Encoding the prompt is not included."""
        return median(image.denoise_ms + image.decode_ms + image.safety_ms for image in self.images)

    @property
    def pixels(self) -> Sequence[NDArray[np.uint8]]:
        """The images: uint8 [height, width, 3], RGB."""
        return [image.pixels for image in self.images]


def measure(candidate: Candidate, task: Task, *, cache: Path, deadlines: Deadlines) -> Measured:
    """Load a variant with an empty cache, load it again in a fresh engine, and draw.

    cache: the folder of translated and compiled models. The empty cache is a temporary folder in it, because its disk
    has space for them. Raises SdqError if the engine fails.
    """
    with _empty_folder(cache) as empty:
        launch = Launch(
            folder=candidate.folder,
            compute_unit=candidate.compute_unit,
            cache=empty,
            threads=None,
            runtime=candidate.runtime,
        )
        with _engine(launch, deadlines) as engine:
            first = engine.wait_until_ready()
        with _engine(launch, deadlines) as engine:
            ready = engine.wait_until_ready()
            engine.draw(task.request(0, steps=_WARM_UP_STEPS))
            drawn = [engine.draw(task.request(seed)) for seed in range(task.images)]
    return Measured(
        task=task,
        first_load_ms=first.load_ms,
        ready=ready,
        images=[each.image for each in drawn],
        peak_bytes=drawn[-1].peak_bytes,
    )


@contextlib.contextmanager
def _empty_folder(cache: Path) -> Iterator[Path]:
    with disk_errors(cache):
        cache.mkdir(exist_ok=True)
        drop_stale(cache, _TEMPORARY)
        folder = tempfile.TemporaryDirectory(
            prefix=_TEMPORARY, dir=cache, ignore_cleanup_errors=True
        )
    with folder as name:
        yield Path(name)


@contextlib.contextmanager
def _engine(launch: Launch, deadlines: Deadlines) -> Iterator[Engine]:
    """Start an engine for the block; its memory is released afterwards."""
    engine = Engine(launch, deadlines)
    try:
        yield engine
    except BaseException:
        engine.kill()
        raise
    engine.close()
