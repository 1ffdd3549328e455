"""Models of few steps as they come, drawn from real packages: the demo's networks with other settings and inputs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from sdq_core.models import DEMO, ModelStore
from sdq_core.models.package import Package
from sdq_core.models.usual import Usual
from sdq_core.models.usual_file import set_usual
from sdq_core.values.part_units import PartUnits
from sdq_core.values.variants import AttentionImplementation, ComputeUnit, Scheduler
from worker.mlpackage.messages import Model
from worker.pipelines.builtin import BuiltinPipeline
from worker.pipelines.contract import DrawnImage, ImageRequest
from worker.runtimes.onnx import OnnxRuntime

ORIGINAL = AttentionImplementation.ORIGINAL
UNITS = PartUnits.all_on(ComputeUnit.ALL)
FILE = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "steps_offset": 1,
}
#: A model's scheduler file -> what it is drawn with.
FILES = {
    "sd-turbo": {"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "trailing"},
    "lightning-4step": {"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "trailing"},
    "hyper-sd-2steps": {"_class_name": "DDIMScheduler", "timestep_spacing": "trailing"},
    "hyper-sd": {"_class_name": "TCDScheduler", "original_inference_steps": 50},
    "sdxl-lightning-1step": {
        "_class_name": "EulerDiscreteScheduler",
        "timestep_spacing": "trailing",
    },
    "mine": {"_class_name": "LCMScheduler", "original_inference_steps": 50},
}


@pytest.fixture(scope="module")
def runtime(translations: Path) -> OnnxRuntime:
    return OnnxRuntime(translations, threads=1)


#: What its name alone tells, and what `sdq models set` says for it.
SET = {
    "hyper-sdxl-1step-unet": {"timesteps": [800]},
    "sdxl-lightning-1step": {"prediction_type": "sample"},
}


def copied(models: Path, name: str) -> Path:
    demo = ModelStore(models).find(DEMO, ORIGINAL)
    folder = models / name
    for part in ("text_encoder", "unet", "vae_decoder"):
        shutil.copytree(demo.parts[part], folder / demo.parts[part].name)
    shutil.copytree(demo.tokenizer, folder / "tokenizer")
    (folder / "scheduler").mkdir()
    if name in SET:
        set_usual(models, name, Usual(), SET[name])
    settings = {**FILE, **FILES.get(name, FILES["mine"])}
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(settings))
    return folder


def drawn_as_usual(models: Path, name: str, runtime: OnnxRuntime) -> tuple[DrawnImage, Scheduler]:
    folder = ModelStore(models).find(name, ORIGINAL)
    usual = folder.usual
    assert usual.num_inference_steps is not None
    assert usual.scheduler is not None
    request = ImageRequest(
        prompt="a boat",
        negative_prompt="fog",
        seed=1,
        num_inference_steps=usual.num_inference_steps,
        guidance_scale=7.5 if usual.guidance_scale is None else usual.guidance_scale,
        scheduler=usual.scheduler,
    )
    pipeline = BuiltinPipeline.load(folder, runtime, UNITS)
    return pipeline.draw(request, lambda _done, _total: None), usual.scheduler


@pytest.mark.parametrize(
    ("name", "scheduler", "steps"),
    [
        ("sd-turbo", Scheduler.EULER_DISCRETE, 4),
        ("lightning-4step", Scheduler.EULER_DISCRETE, 4),
        ("hyper-sd-2steps", Scheduler.DDIM, 2),
        ("hyper-sd", Scheduler.TCD, 4),
        ("mine", Scheduler.LCM, 4),
        ("hyper-sdxl-1step-unet", Scheduler.LCM, 1),
        ("sdxl-lightning-1step", Scheduler.EULER_DISCRETE, 1),
    ],
)
def test_a_model_is_drawn_as_its_file_and_name_say(
    tmp_path: Path, runtime: OnnxRuntime, name: str, scheduler: Scheduler, steps: int
) -> None:
    copied(tmp_path, name)
    drawn, used = drawn_as_usual(tmp_path, name, runtime)
    assert used is scheduler
    # The demo's U-Net has batch 2, and guidance is off.
    assert drawn.num_unet_calls == steps
    assert drawn.pixels.std() > 5


def test_a_u_net_that_declares_the_embedded_scale_is_given_it(
    tmp_path: Path, runtime: OnnxRuntime
) -> None:
    folder = copied(tmp_path, "full-lcm")
    plain = drawn_as_usual(tmp_path, "full-lcm", runtime)[0].pixels
    description = Package.open(next(folder.glob("*_unet.mlpackage"))).model
    spec = Model()
    spec.ParseFromString(description.read_bytes())
    function = spec.mlProgram.functions["main"]
    states = next(one for one in function.inputs if one.name == "timestep")
    added = function.inputs.add()
    added.CopyFrom(states)
    added.name = "timestep_cond"
    width = added.type.tensorType.dimensions.add()
    width.constant.size = 256
    description.write_bytes(spec.SerializeToString())

    found = ModelStore(tmp_path).find("full-lcm", ORIGINAL)
    assert found.embeds_guidance
    assert found.usual.guidance_scale is None
    told = drawn_as_usual(tmp_path, "full-lcm", runtime)[0]
    assert told.num_unet_calls == 4
    # This U-Net does not look at what it is told, so both are the prompt's branch alone.
    assert np.array_equal(told.pixels, plain)
