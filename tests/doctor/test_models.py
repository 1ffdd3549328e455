"""Models that are damaged, the demo model among them."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.acceptance.program import Program
from tests.doctor.reports import examined, facts


def test_a_damaged_model_of_the_users_is_named(program: Program) -> None:
    package = program.home / "models" / "mine_original_packages" / "x_unet.mlpackage"
    package.mkdir(parents=True)
    (problem,) = examined(program, "--no-draw", code=1)["problems"]
    assert problem.startswith("Model mine original is unusable: ")
    assert "lacks the text_encoder and the vae_decoder" in problem


def test_a_damaged_demo_model_and_another_than_the_reference_are_found(
    program: Program, copied: Path
) -> None:
    demo = copied / "sdq_core" / "demo_model"
    unet = "packages/*_unet.mlpackage/Data/com.apple.CoreML/weights/*"
    (damaged,) = demo.glob(f"original/{unet}")
    damaged.write_bytes(damaged.read_bytes()[: damaged.stat().st_size // 2])
    (other,) = demo.glob(f"split_einsum/{unet}")
    data = bytearray(other.read_bytes())
    data[-1] ^= 1
    other.write_bytes(data)
    report = examined(program, code=1, copied=copied)
    unusable, problem, mismatch = report["problems"]
    assert unusable.startswith("Model demo original is unusable: ")
    assert problem.startswith("The demo model (original): ")
    assert "weight.bin is truncated or damaged" in problem
    assert "reinstall sdq" in problem
    assert mismatch.startswith(
        "The demo model (split_einsum): Its files do not match its reference images"
    )
    assert "Reinstall sdq" in mismatch
    assert facts(report, "drawing") == {}


def test_a_part_or_a_variant_of_the_demo_model_that_is_gone_is_found(
    program: Program, copied: Path
) -> None:
    demo = copied / "sdq_core" / "demo_model"
    shutil.rmtree(demo / "split_einsum")
    (decoder,) = demo.glob("original/packages/*_vae_decoder.mlpackage")
    shutil.rmtree(decoder)
    problems = examined(program, code=1, copied=copied)["problems"]
    assert any("demo original is unusable" in problem for problem in problems)
    assert any(
        problem.startswith("The demo model (original): ") and "lacks the vae_decoder" in problem
        for problem in problems
    )
    assert any(problem.startswith("The demo model (split_einsum): ") for problem in problems)
