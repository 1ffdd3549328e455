"""The parts besides the U-Net, each on every compute unit; the U-Net stays where drawing has it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

from PIL import Image

from sdq_core.errors import SdqError, describe_error
from sdq_core.images.pixels import psnr_db
from sdq_core.models import VariantFolder
from sdq_core.values.part_times import PartTime
from sdq_core.values.part_units import Part, PartUnits, UnitRules
from sdq_core.values.runtimes import RuntimeChoice
from sdq_core.values.variants import ComputeUnit
from worker.bench.measure import (
    WARM_UP_STEPS,
    Blame,
    Task,
    around_failures,
    empty_folder,
    fresh_engine,
)
from worker.engine.handle import Deadlines, Engine, Suspect
from worker.engine.messages import Launch
from worker.pipelines.contract import DrawnImage

#: Part -> its time for an image, ms.
_TIMES: Mapping[Part, Callable[[DrawnImage], float]] = {
    Part.TEXT_ENCODER: lambda image: image.text_encode_ms,
    Part.VAE_DECODER: lambda image: image.decode_ms,
    Part.SAFETY_CHECKER: lambda image: image.safety_ms,
}


def measure_parts(
    folder: VariantFolder,
    compute_unit: ComputeUnit,
    units: Sequence[ComputeUnit],
    task: Task,
    *,
    cache: Path,
    runtime: RuntimeChoice = RuntimeChoice.AUTO,
    time_is_up: Callable[[], bool] = lambda: False,
    on_begin: Callable[[str], None] = lambda _: None,
    deadlines: Deadlines | None = None,
) -> list[PartTime]:
    """Measure the text encoder, the VAE decoder and the safety checker on each unit, in one engine for each.

    folder, compute_unit: the variant, and the unit of its U-Net.
    units: those that differ on this machine.
    cache, runtime, deadlines: as `measure` has them.
    time_is_up, on_begin: called before each unit.

    Raises SdqError if the model cannot be drawn with the usual units.
    """
    with empty_folder(cache) as empty:
        launch = Launch(
            folder=folder, compute_unit=compute_unit, cache=empty, threads=None, runtime=runtime
        )
        trial = _Trial(launch, task, deadlines or Deadlines())
        on_begin("its parts on their usual units")
        usual = trial.usual()
        with_usual = trial.ready_units
        assert with_usual is not None, "there is only one unit"
        parts = [part for part in _TIMES if part is not Part.SAFETY_CHECKER or _checks(usual)]
        times = [
            PartTime(part=part, unit=with_usual.of(part), usual=True, ms=_ms(part, usual))
            for part in parts
        ]
        for unit in units:
            others = [
                part
                for part in parts
                if with_usual.of(part) != unit and unit not in trial.rules.failed.get(part, ())
            ]
            if not time_is_up():
                on_begin(f"its parts on {unit}")
                times += _on(unit, others, trial, usual)
    return sorted(times, key=lambda time: (parts.index(time.part), not time.usual))


def _on(
    unit: ComputeUnit, parts: Collection[Part], trial: _Trial, usual: Sequence[DrawnImage]
) -> Iterator[PartTime]:
    """Yield the times of parts on one unit; a part that fails is left out and the others are tried again."""
    left = list(parts)
    while left:
        try:
            drawn = trial.run(dict.fromkeys(left, unit))
        except SdqError as error:
            failed = [trial.culprit] if trial.culprit in left else left.copy()
            for part in failed:
                yield PartTime(part=part, unit=unit, usual=False, error=describe_error(error))
                left.remove(part)
        else:
            likeness = _likeness(usual, drawn)
            for part in left:
                yield PartTime(
                    part=part, unit=unit, usual=False, ms=_ms(part, drawn), psnr_db=likeness
                )
            return


class _Trial:
    """Draws the same pictures in fresh engines.

    rules: with the units on which parts failed at first.
    ready_units: of the last engine.
    culprit: the part that failed last.
    """

    def __init__(self, launch: Launch, task: Task, deadlines: Deadlines) -> None:
        self._launch = launch
        self._task = task
        self._deadlines = deadlines
        self.rules = UnitRules()
        self.ready_units: PartUnits | None = None
        self.culprit: Part | None = None

    def usual(self) -> list[DrawnImage]:
        """Draw with the units that drawing would use."""

        def attempt(rules: UnitRules, blame: Blame) -> list[DrawnImage]:
            self.rules = rules
            return self._draw_all({}, blame)

        return around_failures(self._launch.folder.model, attempt)

    def run(self, chosen: Mapping[Part, ComputeUnit]) -> list[DrawnImage]:
        """Draw with others for some parts."""
        self.culprit = None
        return self._draw_all(chosen, self._blame)

    def _blame(self, suspect: Suspect) -> None:
        self.culprit = suspect.part

    def _draw_all(self, chosen: Mapping[Part, ComputeUnit], blame: Blame) -> list[DrawnImage]:
        launch = replace(self._launch, rules=replace(self.rules, chosen=chosen))
        with fresh_engine(launch, self._deadlines, blame) as engine:
            self.ready_units = engine.wait_until_ready().units
            self._draw(engine, 0)
            return [self._draw(engine, number) for number in range(1, self._task.images + 1)]

    def _draw(self, engine: Engine, number: int) -> DrawnImage:
        # Each with a prompt of its own: an engine encodes none twice.
        request = self._task.request(
            number, steps=WARM_UP_STEPS, prompt=f"{self._task.prompt}, number {number}"
        )
        return engine.draw(request).image


def _checks(drawn: Sequence[DrawnImage]) -> bool:
    return drawn[0].nsfw_flagged is not None


def _ms(part: Part, drawn: Sequence[DrawnImage]) -> float:
    return median(map(_TIMES[part], drawn))


def _likeness(usual: Sequence[DrawnImage], drawn: Sequence[DrawnImage]) -> float:
    pairs = zip(usual, drawn, strict=True)
    return min(
        psnr_db(Image.fromarray(one.pixels), Image.fromarray(other.pixels)) for one, other in pairs
    )
