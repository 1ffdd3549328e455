"""`sdq bench` and what comes of it, as its users type it."""

from __future__ import annotations

import json
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from db.values import Benchmark
from producer.planning.speed import fastest, is_usable
from sdq_core.models import DEMO, ModelStore
from sdq_core.values.machine import this_machine
from sdq_core.values.variants import AttentionImplementation, ComputeUnit
from tests.acceptance.program import Program, assert_whole, engines_of, stop
from tests.ledger.test_benchmarks import HERE, USUAL
from tests.producer.test_auto import row

ORIGINAL = AttentionImplementation.ORIGINAL
SPLIT = AttentionImplementation.SPLIT_EINSUM
ALL = ComputeUnit.ALL


def remember(program: Program, *times: tuple[AttentionImplementation, float]) -> None:
    """Put measurements of this machine into the ledger: only their times are made up."""
    store = ModelStore(program.home / "models")
    machine = this_machine()
    with program.ledger() as ledger:
        ledger.benchmarks.record([row(store, word, ALL, ms, machine) for word, ms in times])


def variants_of(program: Program, batch: str) -> set[tuple[str, str]]:
    """What the batch's slices name, drawn or not."""
    with program.ledger() as ledger:
        refs = [ledger.work.load_slice(ref.id) for ref in ledger.work.open_slices()]
    found = [slice_.recipe.variant for slice_ in refs if slice_ and slice_.batch_name == batch]
    return {(str(v.attention_implementation), str(v.compute_unit)) for v in found}


def stored(program: Program, model: str = DEMO) -> Sequence[Benchmark]:
    with program.ledger() as ledger:
        return ledger.benchmarks.newest(model)


def test_it_measures_shows_and_remembers(new_program: Program) -> None:
    program = new_program
    shown = program.call("bench", "--quick", "--runtime", "onnx")
    assert "each variant is measured once, as ALL" in shown.stderr
    assert shown.stdout.startswith("demo, 1 x 4 steps\n")
    title, original, split = shown.stdout.splitlines()[1:4]
    assert title.split()[:2] == ["variant", "compute"]
    assert original.startswith("original      ALL           whole  6-bit")
    assert original.endswith("reference")
    assert split.startswith("split_einsum  ALL           whole  6-bit")
    rows = stored(program)
    assert [str(r.variant.attention_implementation) for r in rows] == ["original", "split_einsum"]
    assert {r.machine for r in rows} == {this_machine()}
    assert all(is_usable(r) and (r.num_inference_steps, r.images) == (4, 1) for r in rows)
    winner = fastest(rows, USUAL)
    assert winner is not None
    assert f"{winner.variant.attention_implementation} on ALL. New batches" in shown.stdout
    chosen = json.loads(program.call("submit", "--prompt", "x", "--dry-run", "--json").stdout)
    (choice,) = chosen["chosen"]
    assert choice == {
        "model": "demo",
        "variant": str(winner.variant.attention_implementation),
        "compute_unit": "ALL",
        "because": "measured",
    }
    assert list((program.home / "cache").iterdir()) == []


def test_its_json_says_the_same_and_a_spent_budget_what_is_missing(program: Program) -> None:
    spent = ("--runtime", "onnx", "--quick", "--budget", "0.01")
    document = json.loads(program.call("bench", "demo", *spent, "--json").stdout)
    assert document["machine"]["chip"] == this_machine().chip
    assert (document["num_inference_steps"], document["images"]) == (4, 1)
    (model,) = document["models"]
    assert model["left_out"] == ["split_einsum on ALL"]
    assert model["winner"] == {"variant": "original", "compute_unit": "ALL"}
    (only,) = model["measured"]
    (kept,) = stored(program)
    for name in ("first_load_ms", "warm_load_ms", "step_ms", "image_ms", "images_per_hour"):
        assert only[name] == pytest.approx(getattr(kept, name), rel=0.01), name
    assert only["peak_bytes"] == kept.peak_bytes
    assert (only["psnr_db"], only["same_pixels"], only["usable"]) == (None, True, True)
    spoken = program.call("bench", "demo", *spent).stdout
    assert "not measured, as the budget was spent: split_einsum on ALL" in spoken


def test_ctrl_c_leaves_no_engine_and_nothing_on_disk(new_program: Program) -> None:
    program = new_program
    bench = program.start("bench", "demo")
    program.wait_until(lambda: len(engines_of(bench)) == 1)
    (engine,) = engines_of(bench)
    program.wait_until(lambda: any((program.home / "cache").glob("bench-*")))
    assert stop(bench, signal.SIGINT) == 130
    assert not engine.is_running()
    assert list((program.home / "cache").iterdir()) == []
    assert stored(program) == []


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["bench", "sdxl"], 66, "There is no model 'sdxl' here"),
        (["bench", "--budget", "0"], 2, "--budget"),
        (["bench", "--database-url", "postgresql://localhost:1/x"], 69, "localhost"),
    ],
)
def test_a_mistake_gets_one_sentence_and_its_code(
    program: Program, arguments: list[str], code: int, says: str
) -> None:
    result = program.call(*arguments, code=code)
    assert says in result.stderr
    assert "Traceback" not in result.stderr


def test_a_new_batch_is_drawn_with_the_winner_and_says_so(program: Program, prompts: Path) -> None:
    remember(program, (ORIGINAL, 1000), (SPLIT, 500))
    dry = program.call("submit", str(prompts), "--steps", "2", "--dry-run")
    assert "demo uses split_einsum on ALL, the fastest" in dry.stdout
    drawn = program.call("run", str(prompts), "--steps", "2")
    assert "demo uses split_einsum on ALL" in drawn.stderr
    images = program.drawn("prompts")
    assert_whole(program.home, images, 4)
    assert {i.recipe.variant.attention_implementation for i in images} == {SPLIT}
    said = program.call("submit", "--prompt", "x", "--variant", "original", "--compute-unit", "all")
    assert said.stdout.startswith("Batch prompt: 1 image to draw.\nTime: about ")
    assert "uses" not in said.stdout
    assert variants_of(program, "prompt") == {("original", "ALL")}


def test_submitting_again_after_measuring_adds_nothing_and_a_grown_file_stays_one_batch(
    program: Program, prompts: Path
) -> None:
    first = program.call("submit", str(prompts))
    assert first.stdout.startswith("Batch prompts: 4 images to draw.\n")
    remember(program, (ORIGINAL, 1000), (SPLIT, 500))
    again = program.call("submit", str(prompts))
    assert again.stdout.startswith("Batch prompts: nothing new; all 4 images")
    assert (
        "like the rest of its batch. split_einsum on ALL has since been measured as faster"
        in again.stdout
    )
    prompts.write_text(prompts.read_text() + "a lighthouse\n")
    grown = program.call("submit", str(prompts))
    assert grown.stdout.startswith("Batch prompts: 1 image to draw, 4 submitted before.")
    assert variants_of(program, "prompts") == {("original", "ALL")}
    asked = program.call("submit", str(prompts), "--variant", "split_einsum")
    assert asked.stdout.startswith("Batch prompts: 5 images to draw.")
    other = program.call("submit", str(prompts), "--batch", "other")
    assert "demo uses split_einsum on ALL, the fastest" in other.stdout
    assert variants_of(program, "other") == {("split_einsum", "ALL")}
    remember(program, (ORIGINAL, 100), (SPLIT, 500))
    still = program.call("submit", str(prompts), "--batch", "other")
    assert still.stdout.startswith("Batch other: nothing new")


def test_a_batch_that_said_its_variant_keeps_it(program: Program, prompts: Path) -> None:
    explicit = ("--variant", "original", "--compute-unit", "ALL")
    program.call("submit", str(prompts), *explicit)
    remember(program, (ORIGINAL, 1000), (SPLIT, 500))
    assert "nothing new" in program.call("submit", str(prompts)).stdout
    assert "nothing new" in program.call("submit", str(prompts), "--variant", "auto").stdout


def test_a_machine_without_numpy_submits_with_what_others_measured(
    program: Program, tmp_path: Path
) -> None:
    store = ModelStore(program.home / "models")
    with program.ledger() as ledger:
        ledger.benchmarks.record([row(store, SPLIT, ComputeUnit.CPU_AND_NE, 500, HERE)])
    light = tmp_path / "light"
    light.mkdir()
    for library in ("numpy", "coremltools", "onnx", "onnxruntime", "tokenizers"):
        (light / f"{library}.py").write_text(f"raise ImportError('no {library} here')\n")
    result = program.run("submit", "--prompt", "x", PYTHONPATH=str(light))
    assert "demo uses split_einsum on CPU_AND_NE" in result.stdout
    assert variants_of(program, "prompt") == {("split_einsum", "CPU_AND_NE")}
    refused = program.run("bench", code=78, PYTHONPATH=str(light))
    assert "pip install 'sdq[onnx]'" in refused.stderr
