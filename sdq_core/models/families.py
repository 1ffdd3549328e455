"""The families of models, told apart by the inputs that a U-Net declares, never by the names of files or folders."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from sdq_core.models.mlmodel import Shape

#: What every U-Net takes.
UNET_INPUTS = frozenset({"sample", "timestep", "encoder_hidden_states"})

#: The guidance scale, embedded: what U-Nets of any family take that were distilled with guidance.
GUIDANCE_EMBEDDING = "timestep_cond"

#: By what XL's U-Net is told of an image's size: original height and width, crop from the top and left, target height
#: and width. The refiner is told five numbers, the last an aesthetic score.
TIME_IDS = "time_ids"
TIME_IDS_EACH = 6

#: What U-Nets of one family or another take besides.
_MORE_INPUTS = frozenset({TIME_IDS, "text_embeds", GUIDANCE_EMBEDDING, "class_labels"})
#: What a U-Net made for ControlNets takes besides, with a number behind it.
RESIDUAL = "additional_residual_"
_STABLE_DIFFUSION_3 = frozenset(
    {
        "latent_image_embeddings",
        "pooled_projections",
        "pooled_text_embeddings",
        "token_level_text_embeddings",
    }
)


@dataclass(frozen=True, kw_only=True)
class Family:
    """What the models have in common whose U-Nets take the same inputs.

    name: in messages.
    unet_inputs: of the whole U-Net, without what U-Nets of any family may take.
    text_encoders: the parts that encode a prompt.
    hidden_states: the text encoders' output that the U-Net attends to.
    keeps_mean: whether weights of words leave the mean of the hidden states as it is, as AUTOMATIC1111 does.
    scaling_factor: of the VAE's latents, to the unit standard deviation that the U-Net was trained on.
    corrects_scheduler: whether outdated settings of schedulers are corrected, as diffusers does for this family.
    """

    name: str
    unet_inputs: frozenset[str]
    text_encoders: tuple[str, ...]
    hidden_states: str
    keeps_mean: bool
    scaling_factor: float
    corrects_scheduler: bool


STABLE_DIFFUSION = Family(
    name="Stable Diffusion 1 or 2",
    unet_inputs=UNET_INPUTS,
    text_encoders=("text_encoder",),
    hidden_states="last_hidden_state",
    keeps_mean=True,
    scaling_factor=0.18215,
    corrects_scheduler=True,
)
STABLE_DIFFUSION_XL = Family(
    name="Stable Diffusion XL",
    unet_inputs=UNET_INPUTS | {TIME_IDS, "text_embeds"},
    text_encoders=("text_encoder", "text_encoder_2"),
    hidden_states="hidden_embeds",
    keeps_mean=False,
    scaling_factor=0.13025,
    corrects_scheduler=False,
)
#: Every family that can be drawn.
FAMILIES = (STABLE_DIFFUSION, STABLE_DIFFUSION_XL)


def family_of(unet_inputs: Mapping[str, Shape]) -> Family | None:
    """Return the family whose U-Nets take exactly these inputs, None if there is none.

    What ControlNets give does not count: with zeros there, the U-Net is a plain one.
    """
    inputs = frozenset(name for name in unet_inputs if not name.startswith(RESIDUAL))
    inputs -= {GUIDANCE_EMBEDDING}
    if _is_refiner(unet_inputs):
        return None
    return next((family for family in FAMILIES if family.unet_inputs == inputs), None)


def is_unet_input(name: str) -> bool:
    """Say whether an input of a chunk is the whole U-Net's; if not, the other chunk gives it."""
    return name in UNET_INPUTS | _MORE_INPUTS | _STABLE_DIFFUSION_3 or name.startswith(RESIDUAL)


def unsupported(name: str, inputs: Mapping[str, Shape]) -> str | None:
    """Return what a U-Net with this input among its inputs is, as a sentence's words; None if that does not tell."""
    if _is_refiner(inputs):
        return "The refiner of Stable Diffusion XL is not supported"
    if name in _STABLE_DIFFUSION_3:
        return "Stable Diffusion 3 is not supported"
    if name == "class_labels":
        return "Upscalers are not supported"
    return None


def _is_refiner(inputs: Mapping[str, Shape]) -> bool:
    batch = inputs.get("sample", (1,))[0]
    return TIME_IDS in inputs and math.prod(inputs[TIME_IDS]) == 5 * batch
