"""Which compute unit each part of a model runs on."""

from __future__ import annotations

import pytest

from sdq_core.errors import ConfigurationError
from sdq_core.values.part_units import Part, UnitRules
from sdq_core.values.variants import AttentionImplementation, ComputeUnit

ALL, GPU, NE, CPU = (
    ComputeUnit.ALL,
    ComputeUnit.CPU_AND_GPU,
    ComputeUnit.CPU_AND_NE,
    ComputeUnit.CPU_ONLY,
)
SPLIT, ORIGINAL = AttentionImplementation.SPLIT_EINSUM, AttentionImplementation.ORIGINAL


@pytest.mark.parametrize(
    ("unit", "float32", "vae"),
    [(NE, False, NE), (NE, True, GPU), (ALL, True, GPU), (CPU, True, CPU), (GPU, False, GPU)],
)
def test_a_vae_in_float32_runs_on_the_gpu_unless_everything_runs_on_the_cpu(
    unit: ComputeUnit, float32: bool, vae: ComputeUnit
) -> None:
    units = UnitRules().settle(unit, attention=SPLIT, vae_is_float32=float32)

    assert (units.unet, units.vae_decoder) == (unit, vae)
    assert (units.text_encoder, units.safety_checker) == (CPU, CPU)


def test_what_the_user_chose_comes_first_and_what_failed_is_left_out() -> None:
    rules = UnitRules(
        chosen={Part.TEXT_ENCODER: GPU}, failed={Part.TEXT_ENCODER: frozenset({GPU, NE})}
    )

    assert rules.settle(ALL, attention=SPLIT).text_encoder is CPU


@pytest.mark.parametrize(
    ("attention", "failed", "expected"),
    [(SPLIT, {ALL}, NE), (SPLIT, {ALL, NE}, GPU), (ORIGINAL, {ALL}, GPU)],
)
def test_a_unet_goes_from_processor_to_processor(
    attention: AttentionImplementation, failed: set[ComputeUnit], expected: ComputeUnit
) -> None:
    rules = UnitRules(failed={Part.UNET: frozenset(failed)})

    assert rules.settle(ALL, attention=attention).unet is expected


def test_a_unet_that_failed_everywhere_is_refused_with_the_way_out() -> None:
    rules = UnitRules(failed={Part.UNET: frozenset({ALL, NE, GPU})})

    with pytest.raises(
        ConfigurationError, match=r"The U-Net has failed .*--fallback cpu.*--forget"
    ):
        rules.settle(ALL, attention=SPLIT)
