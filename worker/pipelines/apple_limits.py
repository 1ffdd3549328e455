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
    if conditions.controlnets:
        return "draw with ControlNets"
    # It gives a U-Net of batch 1 the text and the sizes of both branches of guidance at once.
    if unet.batch == 1 and request.guidance_scale > 1 and TIME_IDS in unet.model.expected_inputs:
        return "guide a U-Net of Stable Diffusion XL that takes one branch at a time"
    return None
