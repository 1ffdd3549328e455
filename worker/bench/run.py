"""Measures all rows of a model, one after the other, and compares their images with the reference's."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
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
from sdq_core.values.runtimes import RuntimeChoice
from sdq_core.values.variants import AttentionImplementation, ComputeUnit, Variant
from worker.bench.candidates import Candidate, candidates, for_comparison
from worker.bench.measure import Measured, Task, measure
from worker.engine.handle import Deadlines

#: A subject that the demo model can draw too.
PROMPT = "a lighthouse on the right and the sea at sunset with clouds"

THOROUGH = Task(prompt=PROMPT, num_inference_steps=20, images=3)
QUICK = Task(prompt=PROMPT, num_inference_steps=4, images=1)


@dataclass(frozen=True, kw_only=True)
class ModelBench:
    """What was measured of a model.

    model: its name.
    measured: its rows, in the order of measuring.
    reference: the row whose images the others were compared with.
    left_out: what was not started because time was up.
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
    runtime: RuntimeChoice = RuntimeChoice.AUTO,
    others: Mapping[RuntimeChoice, Sequence[ComputeUnit]] | None = None,
    deadlines: Deadlines | None = None,
) -> ModelBench:
    """Measure a model's variants on this machine; a variant that cannot be loaded or drawn becomes a row with an error.

    units: the compute units that differ for the runtime that draws.
    time_is_up: asked before each row; True leaves the remaining rows out.
    on_begin: called before each row.
    on_row: called with each row once measured, before it is compared.
    runtime: what draws here.
    others: runtimes to compare with it, and the units that differ for each; measured last.

    Raises InputMissingError if the model is not on this machine.
    """
    deadlines = deadlines or Deadlines()
    here = store.attention_implementations(model)
    if not here:
        # Raises, and lists the models that are here.
        store.find(model, AttentionImplementation.ORIGINAL)
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
    wanted = candidates(folders, units, runtime)
    for other, its_units in (others or {}).items():
        wanted += for_comparison(folders, its_units, other)
    for candidate in wanted:
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
    """Return the first row of `original` that drew (ALL comes first); without one, the first row that drew."""
    original = AttentionImplementation.ORIGINAL
    of_original = [n for n in pictures if rows[n].variant.attention_implementation is original]
    return next(iter([*of_original, *pictures]), None)


def _least_like(reference: Measured, other: Measured) -> float:
    """Compare seed by seed and return the lowest PSNR: one broken image makes a variant broken."""
    if reference.pixels[0].shape != other.pixels[0].shape:
        return 0.0  # converted for another size: not the same image at all
    pairs = zip(reference.pixels, other.pixels, strict=True)
    return min(psnr_db(Image.fromarray(first), Image.fromarray(second)) for first, second in pairs)


@dataclass(frozen=True, kw_only=True)
class _Context:
    """What all rows of a run have in common."""

    machine: Machine
    task: Task

    def row(self, candidate: Candidate, found: Measured) -> Benchmark:
        """Return the row of a measured variant, not yet compared."""
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
        """Return the row of a variant that could not be loaded or drawn."""
        return replace(
            self._blank(candidate),
            runtime=None if candidate.runtime is RuntimeChoice.AUTO else str(candidate.runtime),
            error=f"{type(error).__name__}: {error}",
        )

    def unusable(
        self, model: str, attention: AttentionImplementation, error: SdqError
    ) -> Benchmark:
        """Return the row of a variant whose files do not make up a model."""
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
