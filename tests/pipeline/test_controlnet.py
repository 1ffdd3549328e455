"""ControlNets: pictures as diffusers draws them, and what goes into networks of each form."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from test_builtin import quiet, request
from test_image_to_image import encoder, keep
from toys import (
    F16,
    F32,
    GOLDEN,
    HEIGHT,
    LATENT_HEIGHT,
    LATENT_WIDTH,
    WIDTH,
    ToyModel,
    ToyRuntime,
    noise_of,
    parts,
    unet_inputs,
    variant_folder,
)

from sdq_core.errors import PackageError, PictureError
from sdq_core.models import ModelStore
from sdq_core.models.controlnet import ControlNet, ControlNets
from sdq_core.models.declared import Part
from sdq_core.values.conditions import Conditions, ControlNetUse
from sdq_core.values.part_units import PartUnits
from sdq_core.values.variants import AttentionImplementation, ComputeUnit, Scheduler
from worker.pipelines.builtin import BuiltinPipeline
from worker.pipelines.contract import ImageRequest
from worker.runtimes.onnx import OnnxRuntime

UNITS = PartUnits.all_on(ComputeUnit.ALL)
TINY = GOLDEN / "controlnet"
SHAPE = (LATENT_HEIGHT, LATENT_WIDTH)


def placed(root):
    """Put the tiny Stable Diffusion 1 and its two ControlNets into a models folder.

    Returns its folder, its nets and the pictures that were followed.
    """
    model = root / "models" / "tiny"
    model.mkdir(parents=True)
    (root / "models" / "controlnet").mkdir()
    for package in TINY.glob("*.mlpackage"):
        beside = root / "models" / "controlnet" if package.name.startswith("ControlNet") else model
        (beside / package.name).symlink_to(package)
    (model / "scheduler").symlink_to(TINY / "scheduler")
    (model / "tokenizer").symlink_to(GOLDEN / "tokenizer")
    folder = ModelStore(root / "models").find("tiny", AttentionImplementation.ORIGINAL)
    pictures = [keep(root, Image.open(TINY / f"map-{number}.png")) for number in range(2)]
    return folder, ControlNets(root / "models"), pictures


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """The tiny model on the portable runtime."""
    root = tmp_path_factory.mktemp("tiny")
    folder, nets, pictures = placed(root)
    pipeline = BuiltinPipeline.load(
        folder,
        OnnxRuntime(cache_dir=root / "cache", threads=1),
        UNITS,
        inputs=root / "inputs",
        controlnets=nets,
    )
    return pipeline, nets, pictures, folder


with np.load(TINY / "drawn.npz") as recorded:
    DRAWN = dict(recorded)
GIVEN = json.loads(str(DRAWN.pop("cases")))


@pytest.mark.parametrize("case", GIVEN["cases"])
def test_pictures_are_those_of_diffusers(tiny, case):
    pipeline, nets, pictures, _ = tiny
    uses = tuple(
        ControlNetUse(
            name=f"sdq_{name}",
            revision=nets.find(f"sdq_{name}").revision,
            image=pictures[picture],
            scale=scale,
            start=start,
            end=end,
        )
        for name, picture, scale, start, end in GIVEN["cases"][case]["nets"]
    )
    drawn = pipeline.draw(
        ImageRequest(
            prompt=GIVEN["prompt"],
            negative_prompt=GIVEN["negative_prompt"],
            seed=3,
            num_inference_steps=GIVEN["steps"],
            guidance_scale=GIVEN["guidance_scale"],
            scheduler=Scheduler.DDIM,
            conditions=Conditions(controlnets=uses),
        ),
        quiet,
    )
    difference = drawn.pixels.astype(float) - DRAWN[case]
    psnr = 20 * np.log10(255 / np.sqrt(np.mean(difference**2)))
    assert psnr > 55
    # A net that nobody hears would pass otherwise.
    assert case == "plain" or np.abs(DRAWN[case] - DRAWN["plain"].astype(float)).mean() > 1


def test_a_net_for_another_size_or_model_is_refused(tiny):
    _, nets, _, folder = tiny
    net = nets.find("sdq_edges")
    folder.check_controlnets([net])
    declared = net.declared

    def other(name, shape):
        part = Part(name="x", inputs={**declared.inputs, name: shape}, outputs=declared.outputs)
        return ControlNet(**{**vars(net), "declared": part})

    for changed, message in (
        (other("sample", (2, 4, 64, 64)), "for images of 512x512, but the model draws 96x64"),
        (other("encoder_hidden_states", (2, 1024, 1, 77)), "attends to 1024 channels"),
        (other("text_embeds", (2, 1280)), "also takes 'text_embeds'"),
        (other("controlnet_cond", (2, 3, 8, 8)), "takes controlnet_cond of shape"),
    ):
        with pytest.raises(PackageError, match=message):
            folder.check_controlnets([changed])


def residuals(batch):
    """Two residuals, of which the second is half as wide."""
    height, width = SHAPE
    return {
        "additional_residual_0": ((batch, 2, height, width), F16),
        "additional_residual_1": ((batch, 2, height, width // 2), F16),
    }


def control_unet(batch=2):
    """The plain toy U-Net, with what it takes from ControlNets added to its noise."""

    def draw(additional_residual_0, additional_residual_1, **inputs):
        noise = noise_of(**inputs)
        noise += additional_residual_0.mean(axis=1, keepdims=True)
        return {"noise_pred": noise + additional_residual_1.mean(axis=(1, 2, 3), keepdims=True)}

    return ToyModel({**unet_inputs(batch), **residuals(batch)}, draw)


def control_chunks():
    """The same in two, of which the second takes one of the residuals and hands on what the first made."""
    height, width = SHAPE
    first = ToyModel(
        {**unet_inputs(2), "additional_residual_0": residuals(2)["additional_residual_0"]},
        lambda additional_residual_0, **inputs: {
            "hidden": noise_of(**inputs) + additional_residual_0.mean(axis=1, keepdims=True)
        },
    )
    second = ToyModel(
        {
            "hidden": ((2, 4, height, width), F32),
            "additional_residual_1": residuals(2)["additional_residual_1"],
        },
        lambda hidden, additional_residual_1: {
            "noise_pred": hidden + additional_residual_1.mean(axis=(1, 2, 3), keepdims=True)
        },
    )
    return {"control-unet_chunk1": first, "control-unet_chunk2": second}


def net(batch=2):
    """A net that tells apart its rows, its picture and its timestep."""

    def look(sample, timestep, encoder_hidden_states, controlnet_cond):
        row = encoder_hidden_states.mean(axis=(1, 2, 3))[:, None, None, None]
        green = controlnet_cond[:, 1:2, ::8, ::8]
        wide = np.repeat(0.2 * green * (1 + row), 2, axis=1) + 0.01 * sample[:, :2]
        return {
            "additional_residual_0": wide,
            "additional_residual_1": 0.1 * wide[:, :, :, ::2] + timestep[:, None, None, None] / 1e4,
        }

    inputs = {**unet_inputs(batch), "controlnet_cond": ((batch, 3, HEIGHT, WIDTH), F16)}
    return ToyModel(inputs, look)


class Nets:
    """ControlNets that are names for ToyRuntime."""

    def __init__(self, revision="1" * 16):
        self.revision = revision

    def find(self, name):
        return ControlNet(
            name=name,
            path=TINY / f"{name}.mlpackage",
            revision=self.revision,
            width=WIDTH,
            height=HEIGHT,
            precision="float16",
            declared=Part(name=name, inputs={}),
        )


@pytest.fixture
def picture(tmp_path):
    """Left half black, right half green, in twice the size."""
    image = Image.new("RGB", (WIDTH * 2, HEIGHT * 2))
    image.paste((0, 255, 0), (WIDTH, 0, WIDTH * 2, HEIGHT * 2))
    return keep(tmp_path, image)


def drawn(tmp_path, models, uses, *, nets=None, **changes):
    pipeline = BuiltinPipeline.load(
        variant_folder(tmp_path / f"model{len(list(tmp_path.iterdir()))}", models),
        ToyRuntime(models),
        UNITS,
        inputs=tmp_path / "inputs",
        controlnets=nets or Nets(),
    )
    return pipeline.draw(request(conditions=Conditions(controlnets=uses), **changes), quiet).pixels


def use(picture, **changes):
    return ControlNetUse(name="net", revision="1" * 16, image=picture, **changes)


def model(unet, nets=None):
    plain = {name: part for name, part in parts().items() if name != "unet"}
    return {**plain, **unet, "net": nets or net()}


def test_forms_of_u_nets_and_nets_draw_the_same(tmp_path, picture):
    uses = (use(picture),)
    whole = drawn(tmp_path, model({"control-unet": control_unet()}), uses)
    for other in (
        model({"control-unet": control_unet(1)}),
        model({"control-unet": control_unet(1)}, net(1)),
        model({"control-unet": control_unet()}, net(1)),
        model(control_chunks()),
        model({"unet": parts()["unet"], "control-unet": control_unet()}),
    ):
        np.testing.assert_allclose(drawn(tmp_path, other, uses), whole, atol=1)
    plain = drawn(tmp_path, parts(), ())
    assert np.abs(plain.astype(int) - whole).max() > 5
    assert (drawn(tmp_path, model({"control-unet": control_unet()}), ()) == plain).all()


def test_without_guidance_a_net_sees_the_prompt_twice_and_one_row_counts(tmp_path, picture):
    models = model({"control-unet": control_unet(1)})
    unguided = drawn(tmp_path, models, (use(picture),), guidance_scale=1.0)
    hidden = models["net"].last["encoder_hidden_states"]
    assert (hidden[0] == hidden[1]).all()
    single = drawn(
        tmp_path,
        model({"control-unet": control_unet(1)}, net(1)),
        (use(picture),),
        guidance_scale=1.0,
    )
    np.testing.assert_allclose(unguided, single, atol=1)


def test_a_plain_u_net_draws_what_has_no_net_and_the_other_is_loaded_for_the_first_that_has(
    tmp_path, picture
):
    models = model({"unet": parts()["unet"], "control-unet": control_unet()})
    drawn(tmp_path, models, ())
    assert (models["unet"].calls > 0, models["control-unet"].calls) == (True, 0)


def test_a_net_outside_its_part_of_the_steps_is_not_even_run(tmp_path, picture):
    models = model({"control-unet": control_unet()})
    steps = 8
    drawn(tmp_path, models, (use(picture, start=0.5),), num_inference_steps=steps,
          scheduler=Scheduler.DDIM)  # fmt: skip
    assert models["net"].calls == steps // 2
    np.testing.assert_array_equal(models["net"].last["controlnet_cond"][0, 0], 0)
    assert models["net"].last["controlnet_cond"][:, 1].max() == 1


def test_of_image_to_image_the_part_is_of_the_steps_taken(tmp_path, picture):
    models = {**model({"control-unet": control_unet()}), "vae_encoder": encoder()}
    conditions = Conditions(init_image=picture, strength=0.5, controlnets=(use(picture, end=0.5),))
    pipeline = BuiltinPipeline.load(
        variant_folder(tmp_path / "model", models),
        ToyRuntime(models),
        UNITS,
        inputs=tmp_path / "inputs",
        controlnets=Nets(),
    )
    pipeline.draw(
        request(conditions=conditions, num_inference_steps=8, scheduler=Scheduler.DDIM), quiet
    )
    assert (models["control-unet"].calls, models["net"].calls) == (4, 2)


def test_what_is_missing_or_changed_fails_the_image_with_a_sentence(tmp_path, picture):
    models = model({"control-unet": control_unet()})
    with pytest.raises(PictureError, match="is not in"):
        drawn(tmp_path, models, (use("0" * 64),))
    with pytest.raises(PictureError, match="was changed since these images were submitted"):
        drawn(tmp_path, models, (use(picture),), nets=Nets(revision="2" * 16))
    with pytest.raises(PictureError, match="There is no ControlNet 'net' here, only demo-edges"):
        drawn(tmp_path, models, (use(picture),), nets=ControlNets(tmp_path))
    with pytest.raises(PackageError, match="has no control-unet package"):
        drawn(tmp_path, {**parts(), "net": net()}, (use(picture),))
