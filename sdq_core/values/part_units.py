"""Which part of a model runs on which compute unit, and what it is tried on next where that fails.

A recipe's compute unit is its U-Net's: there the time goes. The text encoder runs once for each prompt, the VAE encoder
once for each picture and the safety checker once for each image, so they run on the CPU, of which no report says that a
system update broke them there. A VAE decoder in float32 runs on the GPU, because the Neural Engine computes in float16
only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum

from sdq_core.errors import ConfigurationError
from sdq_core.values.variants import AttentionImplementation, ComputeUnit


class Part(StrEnum):
    """What a model consists of. A U-Net's chunks are one part: they run one after the other, on the same unit."""

    TEXT_ENCODER = "text_encoder"
    UNET = "unet"
    VAE_DECODER = "vae_decoder"
    VAE_ENCODER = "vae_encoder"
    SAFETY_CHECKER = "safety_checker"
    CONTROLNET = "controlnet"

    @property
    def spoken(self) -> str:
        """Return it as sentences write it."""
        return (
            self.replace("_", " ")
            .replace("unet", "U-Net")
            .replace("vae", "VAE")
            .replace("controlnet", "ControlNet")
        )


@dataclass(frozen=True, kw_only=True)
class PartUnits:
    """The compute unit of each part."""

    text_encoder: ComputeUnit
    unet: ComputeUnit
    vae_decoder: ComputeUnit
    vae_encoder: ComputeUnit
    safety_checker: ComputeUnit
    controlnet: ComputeUnit

    @classmethod
    def all_on(cls, unit: ComputeUnit) -> PartUnits:
        """Return one unit for all parts."""
        return cls(**dict.fromkeys(Part, unit))

    def of(self, part: Part) -> ComputeUnit:
        """Return a part's unit."""
        unit: ComputeUnit = getattr(self, part)
        return unit

    def to_dict(self) -> dict[str, str]:
        """Return it for JSON: part -> unit."""
        return {each.name: str(getattr(self, each.name)) for each in fields(self)}


@dataclass(frozen=True, kw_only=True)
class UnitRules:
    """What decides on the units of a variant's parts, besides its recipe's.

    chosen: part -> the unit that the user chose for it.
    failed: part -> the units on which it failed on this machine.
    unet_on_cpu: the U-Net may go to the CPU, where an image takes many times as long.
    """

    chosen: Mapping[Part, ComputeUnit] = field(default_factory=dict)
    failed: Mapping[Part, frozenset[ComputeUnit]] = field(default_factory=dict)
    unet_on_cpu: bool = False

    def settle(
        self,
        unet: ComputeUnit,
        *,
        attention: AttentionImplementation,
        vae_is_float32: bool = False,
    ) -> PartUnits:
        """Return the unit of each part: the first on which it did not fail.

        unet: the recipe's unit.
        attention: how the U-Net computes attention.

        Raise ConfigurationError if a part has failed on all of its units.
        """
        wished = {
            Part.TEXT_ENCODER: ComputeUnit.CPU_ONLY,
            Part.UNET: unet,
            # Whoever draws on the CPU alone has a reason to.
            Part.VAE_DECODER: ComputeUnit.CPU_AND_GPU
            if vae_is_float32 and unet is not ComputeUnit.CPU_ONLY
            else unet,
            Part.VAE_ENCODER: ComputeUnit.CPU_ONLY,
            Part.SAFETY_CHECKER: ComputeUnit.CPU_ONLY,
            # In every step, as the U-Net.
            Part.CONTROLNET: unet,
        } | dict(self.chosen)
        return PartUnits(**{part: self._first_left(part, wished[part], attention) for part in Part})

    def without(self, part: Part, unit: ComputeUnit) -> UnitRules:
        """Return the rules with one more unit on which a part failed."""
        failed = self.failed.get(part, frozenset()) | {unit}
        return replace(self, failed={**self.failed, part: failed})

    def _first_left(
        self, part: Part, wished: ComputeUnit, attention: AttentionImplementation
    ) -> ComputeUnit:
        failed = self.failed.get(part, frozenset())
        units = [wished, *self._after(part, wished, attention)]
        for unit in units:
            if unit not in failed:
                return unit
        way_out = (
            "Use --fallback cpu to draw on the CPU, or try them again with"
            if part in {Part.UNET, Part.CONTROLNET}
            and not self.unet_on_cpu
            and wished is not ComputeUnit.CPU_ONLY
            else "Try them again with"
        )
        raise ConfigurationError(
            f"The {part.spoken} has failed on every compute unit of this machine that it may use "
            f"({', '.join(units)}). {way_out} `sdq doctor --forget` and a new start of the worker."
        )

    def _after(
        self, part: Part, wished: ComputeUnit, attention: AttentionImplementation
    ) -> tuple[ComputeUnit, ...]:
        """Return the units that come after the wished one."""
        units = _NEXT[wished]
        if part not in {Part.UNET, Part.CONTROLNET}:
            return units
        return tuple(
            unit
            for unit in units
            if (unit is not ComputeUnit.CPU_ONLY or self.unet_on_cpu)
            # ORIGINAL never runs on the Neural Engine, so there it would run on the CPU.
            and not (
                unit is ComputeUnit.CPU_AND_NE and attention is AttentionImplementation.ORIGINAL
            )
        )


#: Unit -> what a part that failed on it is tried on, in this order. ALL leaves the choice to Core ML, and one of its
#: two processors is mostly innocent.
_NEXT: Mapping[ComputeUnit, tuple[ComputeUnit, ...]] = {
    ComputeUnit.ALL: (ComputeUnit.CPU_AND_NE, ComputeUnit.CPU_AND_GPU, ComputeUnit.CPU_ONLY),
    ComputeUnit.CPU_AND_NE: (ComputeUnit.CPU_AND_GPU, ComputeUnit.CPU_ONLY),
    ComputeUnit.CPU_AND_GPU: (ComputeUnit.CPU_AND_NE, ComputeUnit.CPU_ONLY),
    ComputeUnit.CPU_ONLY: (ComputeUnit.CPU_AND_NE, ComputeUnit.CPU_AND_GPU),
}
