"""The names that users write for schedulers, variants, compute units and image formats, and suggestions for others.

Also accepted are AUTOMATIC1111's sampler names, diffusers' class names, Swift's compute units and the folder names of
Apple's model repositories. Case does not matter.
"""

from __future__ import annotations

from sdq_core.errors import InputError, UsageError
from sdq_core.printable import quote
from sdq_core.values.guesses import did_you_mean
from sdq_core.values.image_files import ImageFormat
from sdq_core.values.rng import Rng
from sdq_core.values.variants import (
    ANY,
    SAMPLER_NAMES,
    AttentionImplementation,
    ComputeUnit,
    Placement,
    Scheduler,
    VariantWord,
)

_SCHEDULERS = {
    **{str(scheduler).lower(): scheduler for scheduler in Scheduler},
    **{f"{scheduler}Scheduler".lower(): scheduler for scheduler in Scheduler},
    **{name.lower(): scheduler for scheduler, name in SAMPLER_NAMES.items()},
}
#: Also AUTOMATIC1111's words.
_RNGS = {
    **{str(rng): rng for rng in Rng},
    "cpu": Rng.TORCH,
    "nv": Rng.NVIDIA,
    "gpu": Rng.NVIDIA,
}
_COMPUTE_UNITS = {
    **{str(unit).lower(): unit for unit in ComputeUnit},
    "cpuandgpu": ComputeUnit.CPU_AND_GPU,
    "cpuandneuralengine": ComputeUnit.CPU_AND_NE,
    "cpuonly": ComputeUnit.CPU_ONLY,
}


def parse_scheduler(text: str) -> Scheduler:
    """Return a scheduler by name; raise InputError with the nearest name for any other."""
    found = _SCHEDULERS.get(text.strip().lower())
    if found is None:
        known = [str(scheduler) for scheduler in Scheduler]
        raise InputError(
            f"unknown scheduler {quote(text)}"
            + did_you_mean(text, [*known, *SAMPLER_NAMES.values()], known)
        )
    return found


def parse_rng(text: str) -> Rng:
    """Return a source of noise by name; raise InputError with the nearest name for any other."""
    found = _RNGS.get(text.strip().lower())
    if found is None:
        raise InputError(f"unknown rng {quote(text)}{did_you_mean(text, list(map(str, Rng)))}")
    return found


def parse_variants(text: str) -> tuple[VariantWord, ...]:
    """Return one variant, or several separated by commas (each draws its own images), each once; `any` is one, too."""
    found: list[VariantWord] = []
    for word in text.split(","):
        name = word.strip().lower().removesuffix("/").removesuffix("/packages").replace("-", "_")
        try:
            found.append(ANY if name == ANY else AttentionImplementation(name))
        except ValueError:
            known = [*(str(variant) for variant in AttentionImplementation), str(ANY)]
            raise InputError(
                f"unknown variant {quote(word.strip())}{did_you_mean(name, known)}"
            ) from None
    return tuple(dict.fromkeys(found))


def parse_compute_unit(text: str) -> ComputeUnit:
    """Return a compute unit by name; raise InputError with the nearest name for any other."""
    found = _COMPUTE_UNITS.get(text.strip().lower())
    if found is None:
        known = [str(unit) for unit in ComputeUnit]
        raise InputError(f"unknown compute unit {quote(text)}{did_you_mean(text, known)}")
    return found


def parse_image_format(text: str) -> ImageFormat:
    """Return an image format by name; raise InputError with the nearest name for any other."""
    name = text.strip().lower().removeprefix(".").replace("jpeg", "jpg")
    try:
        return ImageFormat(name)
    except ValueError:
        known = [str(image_format) for image_format in ImageFormat]
        raise InputError(f"unknown image format {quote(text)}{did_you_mean(name, known)}") from None


def parse_lanes(text: str) -> tuple[Placement, ...]:
    """Return the lanes of `--lanes`: ATTENTION:UNIT, several separated by commas.

    Raise UsageError for another form or a lane that is named twice, InputError for an unknown name.
    """
    lanes = []
    for word in text.split(","):
        attention, colon, unit = word.partition(":")
        words = parse_variants(attention) if colon else ()
        if not words or words[0] is ANY:
            raise UsageError(
                f"--lanes takes a variant and a compute unit per lane, such as original:CPU_AND_GPU, not "
                f"{quote(word.strip())}."
            )
        lane = Placement(attention_implementation=words[0], compute_unit=parse_compute_unit(unit))
        if lane in lanes:
            raise UsageError(f"--lanes names {lane} twice. Name each lane once.")
        lanes.append(lane)
    return tuple(lanes)
