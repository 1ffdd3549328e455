"""What can be read of a model before queuing is checked before queuing: its parts, and that they fit each other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sdq_core.errors import PackageError
from sdq_core.models import ModelStore, VariantFolder
from sdq_core.values.variants import AttentionImplementation
from tests.core.small_packages import PARTS, Declared, write_model

UNET_INPUTS, UNET_OUTPUTS = PARTS["unet"]


def find(folder: Path) -> VariantFolder:
    return ModelStore(folder.parent).find(folder.name, AttentionImplementation.ORIGINAL)


def with_input(part: str, **shapes: tuple[int, ...] | None) -> Declared:
    """The parts with other inputs of one; None takes an input away."""
    inputs, outputs = PARTS[part]
    changed = {name: shape for name, shape in {**inputs, **shapes}.items() if shape is not None}
    return {**PARTS, part: (changed, outputs)}


def with_outputs(part: str, **shapes: tuple[int, ...]) -> Declared:
    return {**PARTS, part: (PARTS[part][0], shapes)}


def in_chunks(
    passed: tuple[int, ...] = (2, 8, 16, 8), given: str = "hidden", **more: tuple[int, ...]
) -> Declared:
    whole = {name: shapes for name, shapes in PARTS.items() if name != "unet"}
    states = {"encoder_hidden_states": UNET_INPUTS["encoder_hidden_states"]}
    return {
        **whole,
        "unet_chunk1": (UNET_INPUTS, {given: (2, 8, 16, 8)}),
        "unet_chunk2": ({"hidden": passed, **states, **more}, UNET_OUTPUTS),
    }


def test_parts_that_fit_are_taken(tmp_path: Path) -> None:
    found = find(write_model(tmp_path / "x", PARTS))
    assert (found.width, found.height, found.unet_batch) == (64, 128, 2)
    assert not found.embeds_guidance
    found = find(write_model(tmp_path / "y", with_input("unet", timestep_cond=(2, 256))))
    assert found.embeds_guidance
    found = find(write_model(tmp_path / "chunks", in_chunks()))
    assert (found.width, found.height, found.unet_batch) == (64, 128, 2)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (with_input("unet", time_ids=(2, 6), text_embeds=(2, 64)), "there is no text_encoder_2"),
        (with_input("unet", time_ids=(2, 4), text_embeds=(2, 64)), r"time_ids of shape \(2, 4\)"),
        (with_input("unet", time_ids=(2, 6), text_embeds=(64,)), r"text_embeds of shape \(64,\)"),
        (with_input("unet", time_ids=(2, 5), text_embeds=(2, 64)), "The refiner of Stable"),
        (with_input("unet", sample=(2, 9, 16, 8)), "an inpainting model"),
        (with_input("unet", sample=(2, 8, 16, 8)), "InstructPix2Pix"),
        (with_input("unet", sample=(2, 16, 16, 8)), "such as Stable Diffusion 3"),
        (with_input("unet", timestep_cond=(1, 256)), r"timestep_cond of shape \(1, 256\), not \(2"),
        (with_input("unet", timestep_cond=(2, 255)), "an even width"),
        (
            with_input("unet", additional_residual_1=(2, 32, 16, 8)),
            "not one array of batch 2 for each",
        ),
        (with_input("unet", pooled_projections=(2, 64), sample=None), "Stable Diffusion 3 is not"),
        (with_input("unet", **{"\x1b[2J" + "x" * 99: (1,)}), r"'\\x1b\[2Jx+\.\.\.'"),
        (with_input("unet", sample=None), "has no input 'sample'"),
        (with_input("unet", sample=(3, 4, 16, 8)), "needs .1 or 2"),
        (with_input("unet", timestep=(1,)), r"timestep of shape \(1,\), not \(2,\)"),
        (with_input("unet", encoder_hidden_states=(1, 32, 1, 77)), "encoder_hidden_states"),
        (with_input("unet", encoder_hidden_states=(2, 77, 32)), "encoder_hidden_states"),
        (with_input("unet", encoder_hidden_states=(2, 32, 1, 64)), "64 tokens"),
        (
            with_input("unet", encoder_hidden_states=(2, 24, 1, 77)),
            "x_text_encoder.*converted toge",
        ),
        (with_outputs("unet", var_5=(2, 4, 16, 8)), "outputs 'var_5', but not 'noise_pred'"),
        (with_outputs("unet", noise_pred=(2, 8, 16, 8)), "gives noise_pred"),
        (with_input("text_encoder", input_ids=(1, 64)), "Use the tokenizer of this model"),
        (with_outputs("text_encoder", hidden=(1, 77, 32)), "not 'last_hidden_state'"),
        (with_input("vae_decoder", z=(1, 4, 8, 8)), "but the U-Net produces"),
        (with_input("vae_decoder", z=(1, 16, 16, 8)), "but the U-Net produces"),
        (with_outputs("vae_decoder", image=(1, 3, 64, 64)), "gives image"),
        (with_input("safety_checker", images=(1, 64, 64, 3)), "takes images"),
        (with_input("safety_checker", adjustment=None), "has no input 'adjustment'"),
        (with_outputs("safety_checker", concept_scores=(1, 17)), "not 'has_nsfw_concepts'"),
        (in_chunks(passed=(2, 8, 8, 8)), "gives hidden"),
        (in_chunks(given="other"), "takes 'hidden', which .*x_unet_chunk1.* does not give"),
        (in_chunks(additional_residual_3=(2, 8, 16, 8)), "not one array of batch 2 for each"),
        ({**PARTS, "text_encoder_t5": PARTS["text_encoder"]}, "holds Stable Diffusion 3"),
        ({"mmdit": PARTS["unet"], "text_encoder": PARTS["text_encoder"]}, "Stable Diffusion 3"),
    ],
)
def test_parts_that_do_not_are_refused_with_the_file_and_what_to_do(
    tmp_path: Path, parts: Declared, words: str
) -> None:
    folder = write_model(tmp_path / "x", parts)
    with pytest.raises(PackageError, match=words) as caught:
        find(folder)
    message = str(caught.value)
    assert message.startswith(str(folder))
    assert message.endswith(".")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"scheduler_config": {"_class_name": "EDMEulerScheduler"}},
            "'EDMEulerScheduler', which is not",
        ),
        ({"scheduler_config": []}, "not a JSON object"),
        ({"vocab": {"a": 1}}, "lacks the special token"),
        ({"vocab": {"<|startoftext|>": "0", "<|endoftext|>": 1}}, "no number for"),
        ({"preprocessor_config": {"crop_size": 256}}, "clip_input of shape .*feature extractor of"),
        ({"preprocessor_config": {"size": "large"}}, "cannot be read as a feature extractor"),
        ({"preprocessor_config": []}, "not a JSON object"),
        ({"tokenizer_config": {"model_max_length": 64}}, "Use the tokenizer of this model"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(
    tmp_path: Path, settings: dict[str, Any], words: str
) -> None:
    folder = write_model(tmp_path / "x", PARTS, **settings)
    with pytest.raises(PackageError, match=words):
        find(folder)


@pytest.mark.parametrize("content", ["", "[" * 100_000, "\0"])
@pytest.mark.parametrize(
    "file",
    [
        "scheduler/scheduler_config.json",
        "tokenizer/vocab.json",
        "tokenizer/tokenizer_config.json",
        "feature_extractor/preprocessor_config.json",
    ],
)
def test_settings_that_are_damaged_are_refused(tmp_path: Path, file: str, content: str) -> None:
    path = write_model(tmp_path / "x", PARTS) / file
    path.write_text(content)
    with pytest.raises(PackageError, match=rf"{path.name} cannot be read .*\. Put the "):
        find(path.parents[1])


def test_what_drawing_does_not_need_is_not_looked_at(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "x", {**PARTS, "vae_encoder": ({}, {})})
    (folder / "x_vae_encoder.mlpackage" / "Manifest.json").unlink()
    assert find(folder).width == 64


def test_it_needs_neither_numpy_nor_a_runtime(tmp_path: Path) -> None:
    write_model(tmp_path / "x", PARTS)
    code = f"""
import sys
for name in ("numpy", "google", "onnx", "onnxruntime", "tokenizers", "coremltools"):
    sys.modules[name] = None
from pathlib import Path
from sdq_core.models import ModelStore
from sdq_core.values.variants import AttentionImplementation
print(ModelStore(Path({str(tmp_path)!r})).find("x", AttentionImplementation.ORIGINAL).width)
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert result.stdout == "64\n", result.stderr
