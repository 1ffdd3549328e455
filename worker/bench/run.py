"""All rows of a model, one after the other, and how like the reference's their pictures are."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from PIL import Image

from db.values import Benchmark
from sdq_core.errors import SdqError
from sdq_core.images.pixels import psnr_db
from sdq_core.models import ModelStore, VariantFolder
from sdq_core.values.machine import Machine, this_machine
from sdq_core.values.variants import AttentionImplementation, ComputeUnit, Variant
from worker.bench.candidates import Candidate, candidates
from worker.bench.measure import Measured, Task, measure
from worker.engine.handle import Deadlines

#: A subject that the demo model knows as well.
PROMPT = "a lighthouse on the right and the sea at sunset with clouds"

THOROUGH = Task(prompt=PROMPT, num_inference_steps=20, images=3)
QUICK = Task(prompt=PROMPT, num_inference_steps=4, images=1)


@dataclass(frozen=True, kw_only=True)
class ModelBench:
    """A model's rows in the order in which they were measured; reference: that which the pictures were compared with.

    left_out: what was not begun, for time.
    """

    model: str
    measured: Sequence[Benchmark]
    reference: Benchmark | None
    left_out: Sequence[str]


def bench_model(
    store: ModelStore,
    model: str,
    units: Sequence[ComputeUnit],
    task: Task,
    *,
    cache: Path,
    time_is_up: Callable[[], bool],
    on_begin: Callable[[str], None],
    on_row: Callable[[Benchmark], None],
    deadlines: Deadlines | None = None,
) -> ModelBench:
    """Measure a model's variants on this machine; what cannot be loaded or drawn becomes a row with its reason.

    units: those that this machine tells apart. on_begin hears of each row before, on_row after it was measured, not yet
    compared. Raises InputMissingError for a model that is not here.
    """
    deadlines = deadlines or Deadlines()
    here = store.attention_implementations(model)
    if not here:
        store.find(model, AttentionImplementation.ORIGINAL)  # says what there is instead
    context = _Context(machine=this_machine(), task=task)
    rows: list[Benchmark] = []
    pictures: dict[int, Measured] = {}
    folders: list[VariantFolder] = []
    for attention in here:
        try:
            folders.append(store.find(model, attention))
        except SdqError as error:
            on_begin(str(attention))
            rows.append(context.unusable(model, attention, error))
            on_row(rows[-1])
    left_out: list[str] = []
    for candidate in candidates(folders, units):
        if time_is_up():
            left_out.append(str(candidate))
            continue
        on_begin(str(candidate))
        try:
            found = measure(candidate, task, cache=cache, deadlines=deadlines)
        except SdqError as error:
            rows.append(context.failed(candidate, error))
        else:
            pictures[len(rows)] = found
            rows.append(context.row(candidate, found))
        on_row(rows[-1])
    reference = _reference(rows, pictures)
    if reference is not None:
        rows = [
            replace(row, psnr_db=_least_like(pictures[reference], pictures[number]))
            if number in pictures
            else row
            for number, row in enumerate(rows)
        ]
    return ModelBench(
        model=model,
        measured=rows,
        reference=None if reference is None else rows[reference],
        left_out=left_out,
    )


def _reference(rows: Sequence[Benchmark], pictures: dict[int, Measured]) -> int | None:
    """Give the first row of `original` that drew, on ALL unless that fails; without any, the first that drew."""
    original = AttentionImplementation.ORIGINAL
    of_original = [n for n in pictures if rows[n].variant.attention_implementation is original]
    return next(iter([*of_original, *pictures]), None)


def _least_like(reference: Measured, other: Measured) -> float:
    """Compare seed by seed; one broken picture is enough to call a variant broken."""
    if reference.pixels[0].shape != other.pixels[0].shape:
        return 0.0  # converted for another size: not the same picture at all
    pairs = zip(reference.pixels, other.pixels, strict=True)
    return min(psnr_db(Image.fromarray(first), Image.fromarray(second)) for first, second in pairs)


@dataclass(frozen=True, kw_only=True)
class _Context:
    """What all rows of a run share."""

    machine: Machine
    task: Task

    def row(self, candidate: Candidate, found: Measured) -> Benchmark:
        """Make the row of what was measured, not yet compared."""
        return replace(
            self._blank(candidate),
            precision=candidate.folder.network.precision,
            pipeline=found.ready.pipeline,
            runtime=found.ready.runtime,
            versions={"sdq": metadata.version("sdq"), "python": platform.python_version()}
            | dict(found.ready.versions),
            first_load_ms=found.first_load_ms,
            warm_load_ms=found.ready.load_ms,
            step_ms=found.step_ms,
            image_ms=found.image_ms,
            peak_bytes=found.peak_bytes,
        )

    def failed(self, candidate: Candidate, error: SdqError) -> Benchmark:
        """Make the row of what could not be loaded or drawn."""
        return replace(self._blank(candidate), error=f"{type(error).__name__}: {error}")

    def unusable(
        self, model: str, attention: AttentionImplementation, error: SdqError
    ) -> Benchmark:
        """Make the row of a variant whose parts do not make a model."""
        variant = Variant(
            model=model,
            revision="",
            attention_implementation=attention,
            compute_unit=ComputeUnit.ALL,
        )
        return replace(self._bare(variant), error=f"{type(error).__name__}: {error}")

    def _blank(self, candidate: Candidate) -> Benchmark:
        return self._bare(candidate.variant, unet=candidate.unet, drawn_with=candidate.drawn_with)

    def _bare(self, variant: Variant, *, unet: str = "whole", drawn_with: bool = True) -> Benchmark:
        return Benchmark(
            machine=self.machine,
            measured_at=datetime.now(UTC),
            variant=variant,
            unet=unet,
            drawn_with=drawn_with,
            num_inference_steps=self.task.num_inference_steps,
            images=self.task.images,
        )
