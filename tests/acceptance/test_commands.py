"""The commands as their users type them, mistakes included."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from sdq_core.models import DEMO, ModelStore
from sdq_core.values.variants import AttentionImplementation
from tests.acceptance.program import Program, assert_whole


def test_run_draws_shows_and_repeats_nothing(new_program: Program, prompts: Path) -> None:
    program = new_program
    first = program.run("run", str(prompts), "--seed-range", "0-1", "--steps", "3")
    assert "8 images in" in first.stdout
    images = program.drawn("prompts")
    assert_whole(program.home, images, 8)
    again = program.call("run", str(prompts), "--seed-range", "0-1", "--steps", "3", "--json")
    assert "nothing new" in again.stderr
    result = json.loads(again.stdout)
    assert result["sdq"]["folder"] == str(program.home / "outputs" / "prompts")
    assert result["request_counts"]["completed"] == 8
    prompts.write_text(prompts.read_text() + "a lighthouse\n")
    grown = program.call("submit", str(prompts), "--seed-range", "0-1", "--steps", "3")
    assert grown.stdout.startswith("Batch prompts: 2 images to draw, 8 submitted before.\n")

    sheet = program.home / "sheet.png"
    program.call("sheet", "prompts", str(sheet), "--thumb", "64")
    with Image.open(sheet) as picture:
        assert picture.width > 2 * 64

    status = json.loads(program.call("status", "prompts", "--json").stdout)
    assert status["request_counts"] == {"total": 10, "completed": 8, "failed": 0}
    assert status["status"] == "in_progress"


def test_rows_tell_how_every_image_was_made(program: Program, prompts: Path) -> None:
    program.call("run", str(prompts), "--steps", "3", "--variant", "original,split_einsum")
    images = program.drawn("prompts")
    assert len(images) == 8
    for image in images:
        assert image.engine.runtime == "onnx"
        assert image.engine.pipeline == "builtin"
        assert image.engine.precision == "6-bit"
        assert image.engine.versions["onnxruntime"]
        assert image.engine.load_ms > 0
        assert image.image.denoise_ms > 0
        assert image.image.num_unet_calls == 3
        assert image.image.encode_ms > 0
        assert image.image.save_ms > 0
        assert image.image.queue_wait_ms > 0
    with Image.open(program.home / "outputs" / images[0].image.path) as picture:
        assert "Steps: 3" in picture.info["parameters"]
        assert json.loads(picture.info["sdq"])["seed"] == 0


def test_prompts_come_from_standard_input_and_options(program: Program) -> None:
    result = program.call(
        "submit", "--prompt", "a tree", "--prompt", "a house", "--dry-run", "--json"
    )
    assert json.loads(result.stdout)["images_new"] == 2
    assert program.call("status").stdout.startswith("No batches yet")


def test_a_dry_run_and_a_refused_submission_make_no_ledger(program: Program) -> None:
    expected = json.loads(
        program.call("submit", "--prompt", "a tree", "-s", "0-59", "--dry-run", "--json").stdout
    )
    assert (expected["batch"], expected["images_new"], expected["slices"]) == ("prompt", 60, 3)
    assert (expected["images_known"], expected["images_drawn"]) == (0, 0)
    assert (expected["drawing_s"], expected["disk_bytes_are_a_bound"]) == (None, True)
    program.call("submit", "--prompt", "x", "--model", "sdxl", code=66)
    program.call("run", "--prompt", "x", "--steps", "0", code=65)
    assert not (program.home / "sdq.db").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["submit", "missing.txt"], 66, "missing.txt does not exist"),
        (["submit", "--prompt", "x", "--model", "sdxl"], 66, "There is no model 'sdxl' here"),
        (["submit", "--prompt", "x", "--variant", "orignal"], 65, "did you mean original?"),
        (["submit", "--prompt", "x", "--scheduler", "DDMI"], 65, "did you mean DDIM?"),
        (["submit", "--prompt", "x", "--seed", "4294967296"], 65, "4294967296"),
        (["submit", "--prompt", "x", "--steps", "0"], 65, "steps"),
        (["submit"], 2, "no prompts"),
        (["submt"], 2, "Did you mean 'submit'?"),
        (["status", "nothing"], 66, "There is no batch 'nothing'"),
        (["submit", "--prompt", "x", "--redis-url", "redis://localhost:1"], 69, "does not answer"),
        (["submit", "--prompt", "x", "--redis-url", "nonsense"], 78, "is not a Redis URL"),
        (["status", "--database-url", "postgresql://localhost:1/x"], 69, "localhost"),
    ],
)
def test_a_mistake_gets_one_sentence_and_its_code(
    program: Program, arguments: list[str], code: int, says: str
) -> None:
    result = program.call(*arguments, code=code)
    assert says in result.stderr
    assert "Traceback" not in result.stderr
    assert "unexpected" not in result.stderr
    if (program.home / "sdq.db").exists():
        with program.ledger() as ledger:
            assert ledger.batches.statuses() == []


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", ":1: this file has no prompts"),
        (b"good\nb\xff\xfead\n", ":2:"),
        (b"a cat --stepz 4\n", "unknown option"),
        (b"a cat --seed -7\n", ":1:"),
    ],
)
def test_a_bad_prompt_file_names_its_line_and_queues_nothing(
    program: Program, tmp_path: Path, content: bytes, says: str
) -> None:
    path = tmp_path / "bad.txt"
    path.write_bytes(content)
    result = program.call("submit", str(path), code=65)
    assert says in result.stderr
    assert "Nothing was queued." in result.stderr
    assert program.call("status").stdout.startswith("No batches yet")


@pytest.fixture
def own_model(program: Program) -> Path:
    """A user's own model, in the layout of the blog post's downloads."""
    demo = ModelStore(program.home / "models").find(DEMO, AttentionImplementation.ORIGINAL)
    folder = program.home / "models" / "my-model_original_packages"
    shutil.copytree(demo.parts["unet"].parent, folder)
    shutil.copytree(demo.tokenizer, folder / "tokenizer")
    shutil.copytree(demo.scheduler_config.parent, folder / "scheduler")
    return folder


def _part(folder: Path, name: str) -> Path:
    return next(folder.glob(f"*_{name}.mlpackage"))


def test_a_model_folder_of_the_users_draws(program: Program, own_model: Path) -> None:
    program.call(
        "run", "--prompt", "the sea", "--model", "my-model", "--steps", "2", "--batch", "own"
    )
    assert_whole(program.home, program.drawn("own"), 1)
    by_path = program.call("submit", "--prompt", "the sea", "--model", str(own_model), "--dry-run")
    assert "1 image to draw in 1 slice" in by_path.stdout


def test_a_model_without_a_part_is_refused_at_submit(program: Program, own_model: Path) -> None:
    shutil.rmtree(_part(own_model, "vae_decoder"))
    result = program.call("submit", "--prompt", "x", "--model", "my-model", code=65)
    assert "lacks the vae_decoder" in result.stderr


def test_damaged_weights_stop_the_variant_and_fail_no_image(
    program: Program, own_model: Path
) -> None:
    options = ("--prompt", "x", "--model", "my-model", "--batch")
    program.call("submit", *options, "own")
    weights = _part(own_model, "unet") / "Data/com.apple.CoreML/weights/weight.bin"
    weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
    assert "weight.bin" in program.call("worker", "--burst", code=65).stderr
    with program.ledger() as ledger:
        status = ledger.batches.find("own")
        assert status is not None
        assert (status.completed, status.failed, status.total) == (0, 0, 1)


def test_for_damaged_weights_nothing_is_queued_and_the_rest_is_drawn(
    program: Program, own_model: Path
) -> None:
    weights = _part(own_model, "text_encoder") / "Data/com.apple.CoreML/weights/weight.bin"
    weights.write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1719117184\n"
    )
    refused = program.call("submit", "--prompt", "x", "--model", "my-model", code=65)
    assert f"{weights} is only a Git LFS pointer. Run `git lfs pull`" in refused.stderr
    listed = program.call("models")
    assert "my-model original is unusable: " in listed.stdout
    program.call("run", "--prompt", "y", "--num-inference-steps", "2", code=0)
