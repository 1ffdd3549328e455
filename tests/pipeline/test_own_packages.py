"""What only models of one's own have, drawn: several functions in a package, tokens of a textual inversion."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from sdq_core.models import DEMO, ModelStore
from sdq_core.models.package import Package
from sdq_core.values.part_units import PartUnits
from sdq_core.values.variants import AttentionImplementation, ComputeUnit, Scheduler
from tests.translations import with_translations
from worker.mlpackage.messages import Model
from worker.pipelines.builtin import BuiltinPipeline
from worker.pipelines.contract import ImageRequest
from worker.runtimes.onnx import OnnxRuntime

ORIGINAL = AttentionImplementation.ORIGINAL


@pytest.fixture
def mine(tmp_path: Path, translations: Path) -> Path:
    """The demo model as one's own, with what was translated of it before."""
    with_translations(tmp_path, translations)
    demo = ModelStore(tmp_path).find(DEMO, ORIGINAL)
    folder = tmp_path / "models" / "mine"
    for part in ("text_encoder", "unet", "vae_decoder"):
        shutil.copytree(demo.parts[part], folder / demo.parts[part].name)
    shutil.copytree(demo.tokenizer, folder / "tokenizer")
    shutil.copytree(demo.scheduler_config.parent, folder / "scheduler")
    return folder


def draw(folder: Path, prompt: str) -> bytes:
    found = ModelStore(folder.parent).find(folder.name, ORIGINAL)
    runtime = OnnxRuntime(cache_dir=folder.parents[1] / "cache", threads=1)
    pipeline = BuiltinPipeline.load(found, runtime, PartUnits.all_on(ComputeUnit.ALL))
    request = ImageRequest(
        prompt=prompt,
        negative_prompt="",
        seed=1,
        num_inference_steps=1,
        guidance_scale=5.0,
        scheduler=Scheduler.DDIM,
    )
    return pipeline.draw(request, lambda _done, _total: None).pixels.tobytes()


def test_of_several_functions_the_default_one_is_drawn(mine: Path) -> None:
    whole = draw(mine, "a boat")
    model = Package.open(next(mine.glob("*_unet.mlpackage"))).model
    spec = Model()
    spec.ParseFromString(model.read_bytes())
    functions = spec.mlProgram.functions
    functions["large"].CopyFrom(functions["main"])
    for value in functions["main"].inputs:
        if value.name == "sample":
            value.type.tensorType.dimensions[2].constant.size = 1
    spec.description.defaultFunctionName = "large"
    model.write_bytes(spec.SerializeToString())
    assert draw(mine, "a boat") == whole


def test_a_token_of_a_textual_inversion_is_its_row_of_the_text_encoder(
    mine: Path, caplog: pytest.LogCaptureFixture
) -> None:
    vocabulary = json.loads((mine / "tokenizer" / "vocab.json").read_text())
    added = {"<cat-toy>": vocabulary["boat</w>"], "<too-late>": len(vocabulary)}
    (mine / "tokenizer" / "added_tokens.json").write_text(json.dumps(added))
    assert draw(mine, "a <cat-toy>") == draw(mine, "a boat") != draw(mine, "a tent")
    assert "'<too-late>'. They are spelled out" in caplog.messages[0]
