"""Drawing the demo model and comparing with its recorded pictures, also where engines die or compute wrongly."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from PIL import Image

from sdq.doctor.drawing import ALIKE_DB
from sdq.doctor.references import FOLDER, references
from sdq_core.images.encode import encode_png
from sdq_core.images.metadata import ImageMetadata
from sdq_core.images.read import read_record
from sdq_core.models import DEMO, ModelStore
from tests.acceptance.program import Program
from tests.doctor.reports import SOURCES, examined, facts


def test_a_picture_that_differs_is_a_problem_of_its_variant(program: Program, copied: Path) -> None:
    """What is expected of one recipe is replaced by another recipe's picture."""
    demo = copied / "sdq_core" / "demo_model"
    path = demo / "reference" / "original-1.png"
    record = read_record(path)
    about = ImageMetadata(recipe=record.recipe, seed=record.seed, version="0.1.0")
    with Image.open(demo / "reference" / "original-2.png") as other:
        path.write_bytes(encode_png(other, about))
    report = examined(program, code=1, copied=copied)
    (problem,) = report["problems"]
    assert "original on ALL, draws a different image than expected" in problem
    by_variant = {name.split()[0]: proof for name, proof in facts(report, "drawing").items()}
    assert by_variant["original"]["psnr_db"] < ALIKE_DB
    assert by_variant["split_einsum"]["identical"] or by_variant["split_einsum"]["psnr_db"] > 30


@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_without_pictures_to_compare_with_nothing_is_proven(
    program: Program, copied: Path, damage: str
) -> None:
    demo = copied / "sdq_core" / "demo_model"
    if damage == "gone":
        shutil.rmtree(demo / "reference")
    else:
        picture = demo / "reference" / "original-1.png"
        picture.write_bytes(picture.read_bytes()[:-2000])
    (problem,) = examined(program, code=1, copied=copied)["problems"]
    assert "reference" in problem
    assert "Reinstall sdq" in problem


def test_an_engine_that_dies_is_a_finding_and_not_the_end(program: Program, tmp_path: Path) -> None:
    (tmp_path / "poison").mkdir()
    (tmp_path / "poison" / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "if 'worker.engine.main' in sys.orig_argv:\n"
        "    from worker.pipelines import builtin\n"
        "    def killed(*_): os.kill(os.getpid(), signal.SIGKILL)\n"
        "    builtin.BuiltinPipeline.draw = killed\n"
    )
    report = examined(program, code=1, PYTHONPATH=str(tmp_path / "poison"))
    assert len(report["problems"]) == len(references())
    for problem in report["problems"]:
        assert "ended by SIGKILL. Run `sdq doctor` again" in problem


#: Engines draw with the Core ML runtime over `tests/runtimes/native.py`, whose GPU computes wrongly and whose Neural
#: Engine loads nothing.
MAC = """
import sys

if "worker.engine.main" in sys.orig_argv:
    from pathlib import Path
    import pytest
    from tests.runtimes import native
    from worker.runtimes import choice
    from worker.runtimes.coreml import CoreMLRuntime

    native.install(pytest.MonkeyPatch(), Path(sys.modules[__name__].__file__).parent / "cache")
    load, predict = native.NativeModel.__init__, native.NativeModel.predict

    def loaded(self, path, compute_units, *rest):
        if compute_units == "CPU_AND_NE":
            raise RuntimeError("Error: ANECompilerService is stuck")
        self.unit = compute_units
        load(self, path, compute_units, *rest)

    def predicted(self, data, state):
        outputs = predict(self, data, state)
        if self.unit == "CPU_AND_GPU" and "noise_pred" in outputs:
            outputs["noise_pred"] = outputs["noise_pred"] * 0.8
        return outputs

    native.NativeModel.__init__, native.NativeModel.predict = loaded, predicted
    choice.choose_runtime = lambda *, cache, threads, choice: CoreMLRuntime(cache / "coreml", "macOS 15.1")
"""


@pytest.mark.slow
@pytest.mark.timeout(300)  # eight engines, one after the other
@pytest.mark.skipif(sys.platform == "darwin", reason="a Mac has its own compute units")
def test_with_core_ml_every_compute_unit_is_tried_for_every_variant(
    program: Program, tmp_path: Path
) -> None:
    mac = tmp_path / "mac"
    mac.mkdir()
    (mac / "sitecustomize.py").write_text(MAC)
    report = examined(program, code=1, PYTHONPATH=f"{mac}:{SOURCES}")
    drawn = facts(report, "drawing")
    for attention in references():
        for unit in ("ALL", "CPU_ONLY"):
            proof = drawn[f"{attention} on {unit}"]
            assert proof["runtime"] == "coreml"
            assert proof["identical"] or proof["psnr_db"] >= ALIKE_DB
        assert drawn[f"{attention} on CPU_AND_GPU"]["psnr_db"] < ALIKE_DB
        gpu, neural = (
            next(problem for problem in report["problems"] if f"{attention} on {unit}" in problem)
            for unit in ("CPU_AND_GPU", "CPU_AND_NE")
        )
        assert "Avoid this compute unit" in gpu
        assert "ANECompilerService is stuck. Use another compute unit" in neural
    assert len(report["problems"]) == 2 * len(references())
    assert report["sections"]["drawing"]["not_tried"] == []


@pytest.mark.skipif(sys.platform == "darwin", reason="a Mac has its own compute units")
def test_only_the_named_compute_unit_is_drawn_on(program: Program, tmp_path: Path) -> None:
    mac = tmp_path / "mac"
    mac.mkdir()
    (mac / "sitecustomize.py").write_text(MAC)
    report = examined(program, "--compute-unit", "cpuOnly", PYTHONPATH=f"{mac}:{SOURCES}")
    assert set(facts(report, "drawing")) == {
        f"{attention} on CPU_ONLY" for attention in references()
    }
    (sentence,) = report["sections"]["drawing"]["not_tried"]
    assert sentence == "ALL, CPU_AND_GPU, CPU_AND_NE (left out by --compute-unit)."


@pytest.mark.skipif(sys.platform == "darwin", reason="a Mac may have a Neural Engine")
def test_a_compute_unit_that_is_not_here_is_drawn_on_the_cpu(program: Program) -> None:
    report = examined(program, "--compute-unit", "cpuAndNeuralEngine")
    assert set(facts(report, "drawing")) == {
        f"{attention} on the CPU" for attention in references()
    }
    (sentence,) = report["sections"]["drawing"]["not_tried"]
    assert sentence == "Core ML's compute units: onnx only uses the CPU."


def test_a_wrong_compute_unit_is_answered_with_a_guess(program: Program) -> None:
    refused = program.run("doctor", "--compute-unit", "CPU_AND_NPU", code=65)
    assert "unknown compute unit 'CPU_AND_NPU'; did you mean CPU_AND_GPU?" in refused.stderr
    assert refused.stdout == ""


def test_a_compute_unit_without_drawing_is_refused(program: Program) -> None:
    refused = program.run("doctor", "--no-draw", "--compute-unit", "ALL", code=2)
    assert "Use --compute-unit or --no-draw, not both." in refused.stderr


def test_the_recorded_pictures_tell_one_another_apart() -> None:
    """Of the model that is here: after a change of it, run `tools/record_doctor_references.py`."""
    store = ModelStore(FOLDER / "none")
    by_variant = references()
    assert list(by_variant) == store.attention_implementations(DEMO)
    for attention, wanted in by_variant.items():
        revision = store.find(DEMO, attention).revision
        assert {reference.recipe.variant.revision for reference in wanted} == {revision}
        assert len({(reference.recipe.prompt, reference.seed) for reference in wanted}) >= 2
