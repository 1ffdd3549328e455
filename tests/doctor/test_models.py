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


def test_a_damaged_demo_model_is_found(
    program: Program, copied: tuple[Path, dict[str, str]]
) -> None:
    demo, environment = copied
    (weights,) = demo.glob("original/packages/*_unet.mlpackage/Data/com.apple.CoreML/weights/*")
    weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
    report = examined(program, code=1, **environment)
    unusable, problem = report["problems"]
    assert unusable.startswith("Model demo original is unusable: ")
    assert problem.startswith("The demo model (original): ")
    assert "weight.bin is truncated or damaged" in problem
    assert "reinstall sdq" in problem


def test_another_demo_model_than_the_reference_is_found(
    program: Program, copied: tuple[Path, dict[str, str]]
) -> None:
    demo, environment = copied
    (weights,) = demo.glob("original/packages/*_unet.mlpackage/Data/com.apple.CoreML/weights/*")
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    report = examined(program, code=1, **environment)
    (problem,) = report["problems"]
    assert problem.startswith(
        "The demo model (original): Its files do not match its reference images"
    )
    assert "Reinstall sdq" in problem
    assert [name.split()[0] for name in facts(report, "drawing")] == ["split_einsum"]


def test_a_part_or_a_variant_of_the_demo_model_that_is_gone_is_found(
    program: Program, copied: tuple[Path, dict[str, str]]
) -> None:
    demo, environment = copied
    shutil.rmtree(demo / "split_einsum")
    (decoder,) = demo.glob("original/packages/*_vae_decoder.mlpackage")
    shutil.rmtree(decoder)
    problems = examined(program, code=1, **environment)["problems"]
    assert any("demo original is unusable" in problem for problem in problems)
    assert any(
        problem.startswith("The demo model (original): ") and "lacks the vae_decoder" in problem
        for problem in problems
    )
    assert any(problem.startswith("The demo model (split_einsum): ") for problem in problems)
