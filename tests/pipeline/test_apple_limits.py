"""What Apple's pipeline cannot draw is known without its package."""

from __future__ import annotations

import pytest
from test_builtin import request
from toys import F16, ToyModel, unet, unet_inputs

from sdq_core.values.conditions import Conditions, ControlNetUse
from worker.pipelines.apple_limits import limit_of_image
from worker.pipelines.unet import UNet

PICTURE = "0" * 64


def xl(batch):
    sizes = {"time_ids": ((batch, 6), F16), "text_embeds": ((batch, 8), F16)}
    return ToyModel({**unet_inputs(batch), **sizes}, None)


def follows(**changes):
    return Conditions(
        controlnets=(
            ControlNetUse(name="edges", revision="1", image=PICTURE),
            ControlNetUse(name="depth", revision="1", image=PICTURE, **changes),
        )
    )


@pytest.mark.parametrize(
    ("model", "conditions", "scale", "limit"),
    [
        (unet(2), Conditions(weighted=True, crop=(8, 8)), 7.5, None),
        (unet(1), Conditions(), 7.5, None),
        (unet(2), Conditions(init_image=PICTURE, strength=0.5), 7.5, "begin with a picture"),
        (unet(2), follows(), 7.5, None),
        (unet(2), follows(scale=0.9), 7.5, "a ControlNet a scale or a part of the steps"),
        (unet(2), follows(start=0.1), 7.5, "a ControlNet a scale or a part of the steps"),
        (unet(2), follows(end=0.9), 7.5, "a ControlNet a scale or a part of the steps"),
        (unet(1), follows(), 7.5, "guide an image of ControlNets with a U-Net that takes one"),
        (unet(1), follows(), 1.0, None),
        (xl(2), Conditions(original_size=(512, 512)), 7.5, None),
        (xl(1), Conditions(), 7.5, "guide an image of Stable Diffusion XL with a U-Net that"),
        (xl(1), Conditions(), 1.0, None),
    ],
)
def test_each_limit_is_said(model, conditions, scale, limit):
    said = limit_of_image(request(conditions=conditions, guidance_scale=scale), UNet(model))
    assert said is None if limit is None else limit in said
