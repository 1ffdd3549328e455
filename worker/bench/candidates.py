"""What can be measured of a model on this machine, the most useful first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sdq_core.models import VariantFolder
from sdq_core.models.unets import unet_parts
from sdq_core.values.runtimes import RuntimeChoice
from sdq_core.values.variants import AttentionImplementation, ComputeUnit, Variant

_CHUNKS = ("unet_chunk1", "unet_chunk2")

#: Core ML's compute units, the most useful first. The unit used when nothing was measured comes first: everything is
#: compared with it, so a run that its time budget cuts short still leaves a useful comparison.
_FIRST_FOR = {
    AttentionImplementation.ORIGINAL: (
        ComputeUnit.ALL, ComputeUnit.CPU_AND_GPU, ComputeUnit.CPU_ONLY,
    ),
}  # fmt: skip
_FIRST_FOR_SPLIT = (
    ComputeUnit.CPU_AND_NE, ComputeUnit.ALL, ComputeUnit.CPU_AND_GPU, ComputeUnit.CPU_ONLY,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One row to measure.

    folder: the variant's folder, with only the parts to load.
    compute_unit: the unit to load them on.
    unet: `whole` or `chunks`.
    drawn_with: whether drawing loads the same parts, with the same runtime.
    runtime: what computes.
    note: what distinguishes it from what draws.
    """

    folder: VariantFolder
    compute_unit: ComputeUnit
    unet: str
    drawn_with: bool
    runtime: RuntimeChoice = RuntimeChoice.AUTO
    note: str = ""

    @property
    def variant(self) -> Variant:
        """The variant that a recipe names for this."""
        return Variant(
            model=self.folder.model,
            revision=self.folder.revision,
            attention_implementation=self.folder.attention_implementation,
            compute_unit=self.compute_unit,
        )

    def __str__(self) -> str:
        how = self.variant.placement.describe()
        return f"{how} ({self.note})" if self.note else how


def candidates(
    folders: Sequence[VariantFolder],
    units: Sequence[ComputeUnit],
    runtime: RuntimeChoice = RuntimeChoice.AUTO,
) -> list[Candidate]:
    """List what to measure of a model's variants with the runtime that draws.

    units: the compute units that differ for it. `original` is not measured on CPU_AND_NE: the Neural Engine
    does not run it, so the result would be that of CPU_ONLY. A U-Net that exists both whole and in chunks is measured
    both ways, in chunks last, because drawing uses the whole one.
    """
    ranked: list[tuple[int, int, Candidate]] = []
    for place, folder in enumerate(folders):
        whole = len(unet_parts(folder.parts)) == 1
        forms = [("whole" if whole else "chunks", folder, True)]
        if whole and all(chunk in folder.parts for chunk in _CHUNKS):
            parts = {name: part for name, part in folder.parts.items() if name != "unet"}
            forms.append(("chunks", replace(folder, parts=parts), False))
        order = _FIRST_FOR.get(folder.attention_implementation, _FIRST_FOR_SPLIT)
        for unet, form, drawn_with in forms:
            for rank, unit in enumerate(unit for unit in order if unit in units):
                candidate = Candidate(
                    folder=form,
                    compute_unit=unit,
                    unet=unet,
                    drawn_with=drawn_with,
                    runtime=runtime,
                    note="" if drawn_with else "in chunks",
                )
                ranked.append((rank if drawn_with else rank + len(ComputeUnit), place, candidate))
    return [candidate for _, _, candidate in sorted(ranked, key=lambda entry: entry[:2])]


def for_comparison(
    folders: Sequence[VariantFolder], units: Sequence[ComputeUnit], runtime: RuntimeChoice
) -> list[Candidate]:
    """List what to measure of a model's variants with a runtime that does not draw here, but could."""
    return [
        replace(candidate, drawn_with=False, note=f"with {runtime}")
        for candidate in candidates(folders, units, runtime)
        if candidate.drawn_with
    ]
