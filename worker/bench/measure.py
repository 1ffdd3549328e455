"""One row: loads a variant in two fresh engines, as the worker starts them, and draws with the second."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from sdq_core.errors import SdqError, describe_error
from sdq_core.values.part_units import Part, UnitRules
from sdq_core.values.recipes import DEFAULT_GUIDANCE_SCALE, DEFAULT_SCHEDULER
from worker.bench.candidates import Candidate
from worker.engine.handle import Deadlines, Engine, Suspect
from worker.engine.messages import Launch, Ready
from worker.pipelines.contract import DrawnImage, ImageRequest
from worker.runtimes.disk import disk_errors, drop_stale

log = logging.getLogger(__name__)

_TEMPORARY = "bench-"

#: Is told the part and unit that are to blame for an error.
Blame = Callable[[Suspect], object]

Result = TypeVar("Result")

#: Enough steps to load what the first image loads lazily; not part of the measurement.
WARM_UP_STEPS = 2


@dataclass(frozen=True, kw_only=True)
class Task:
    """What every row draws: a prompt with the seeds 0, 1, 2 and so on."""

    prompt: str
    num_inference_steps: int
    images: int

    def request(
        self, seed: int, *, steps: int | None = None, prompt: str | None = None
    ) -> ImageRequest:
        """Return the request for one of its images. steps, prompt: others than its own."""
        return ImageRequest(
            prompt=prompt or self.prompt,
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

    A part that fails on its compute unit is measured on the next one, as drawing would use it; not so the U-Net.

    cache: the folder of translated and compiled models. The empty cache is a temporary folder in it, because its disk
    has space for them. Raises SdqError if the engine fails.
    """
    return around_failures(
        str(candidate),
        lambda rules, blame: _measure(candidate, task, cache, deadlines, rules, blame),
    )


def around_failures(what: str, attempt: Callable[[UnitRules, Blame], Result]) -> Result:
    """Return the result of an attempt; a part other than the U-Net that fails on a unit is tried on the next one.

    what: the subject of the warnings. attempt: raises SdqError when its engine fails, and says what is to blame.
    """
    rules = UnitRules()
    while True:
        blamed: list[Suspect] = []
        try:
            return attempt(rules, blamed.append)
        except SdqError as error:
            if not blamed or blamed[0].part is Part.UNET:
                raise
            rules = rules.without(*blamed[0])
            log.warning(
                "%s: its %s failed on %s: %s It is measured on another compute unit.",
                what,
                blamed[0].part.spoken,
                blamed[0].unit,
                describe_error(error),
            )


def _measure(
    candidate: Candidate,
    task: Task,
    cache: Path,
    deadlines: Deadlines,
    rules: UnitRules,
    blame: Blame,
) -> Measured:
    with empty_folder(cache) as empty:
        launch = Launch(
            folder=candidate.folder,
            compute_unit=candidate.compute_unit,
            cache=empty,
            threads=None,
            rules=rules,
            runtime=candidate.runtime,
        )
        with fresh_engine(launch, deadlines, blame) as engine:
            first = engine.wait_until_ready()
        with fresh_engine(launch, deadlines, blame) as engine:
            ready = engine.wait_until_ready()
            engine.draw(task.request(0, steps=WARM_UP_STEPS))
            drawn = [engine.draw(task.request(seed)) for seed in range(task.images)]
    return Measured(
        task=task,
        first_load_ms=first.load_ms,
        ready=ready,
        images=[each.image for each in drawn],
        peak_bytes=drawn[-1].peak_bytes,
    )


@contextlib.contextmanager
def empty_folder(cache: Path) -> Iterator[Path]:
    """Make an empty folder for the block in the folder of translated and compiled models."""
    with disk_errors(cache):
        cache.mkdir(exist_ok=True)
        drop_stale(cache, _TEMPORARY)
        folder = tempfile.TemporaryDirectory(
            prefix=_TEMPORARY, dir=cache, ignore_cleanup_errors=True
        )
    with folder as name:
        yield Path(name)


@contextlib.contextmanager
def fresh_engine(launch: Launch, deadlines: Deadlines, blame: Blame) -> Iterator[Engine]:
    """Start an engine for the block; its memory is released afterwards.

    blame: called with the part and unit that are to blame if the block raises an error, unless none is.
    """
    engine = Engine(launch, deadlines)
    try:
        yield engine
    except BaseException as error:
        if isinstance(error, SdqError) and engine.suspect is not None:
            blame(engine.suspect)
        engine.kill()
        raise
    engine.close()
