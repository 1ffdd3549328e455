"""What Apple's Python pipeline cannot draw, read at e12202c."""

from __future__ import annotations

from sdq_core.models import VariantFolder
from sdq_core.models.families import TIME_IDS
from worker.pipelines.contract import ImageRequest
from worker.pipelines.unet import UNet


def limit_of_model(folder: VariantFolder) -> str | None:
    """Say what of a model is beyond it, after "Apple's pipeline cannot draw with MODEL, "; None for nothing."""
    if folder.embeds_guidance:
        return "whose U-Net takes the guidance scale as an input"
    return None


def limit_of_image(request: ImageRequest, unet: UNet) -> str | None:
    """Say what of an image is beyond it, after "Apple's pipeline cannot "; None for nothing.

    unet: the one that would draw it.
    """
    conditions = request.conditions
    if conditions.init_image is not None:
        return "begin with a picture"
    if any((use.scale, use.start, use.end) != (1, 0, 1) for use in conditions.controlnets):
        return "give a ControlNet a scale or a part of the steps"
    # It tells a U-Net of batch 1 at once what is for both branches of guidance, except for the text.
    told_more = conditions.controlnets or TIME_IDS in unet.model.expected_inputs
    if unet.batch == 1 and request.guidance_scale > 1 and told_more:
        of = "ControlNets" if conditions.controlnets else "Stable Diffusion XL"
        return f"guide an image of {of} with a U-Net that takes one branch at a time"
    return None
