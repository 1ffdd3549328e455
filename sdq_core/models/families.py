"""The families of models, told apart by the inputs that a U-Net declares, never by the names of files or folders."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sdq_core.models.mlmodel import Shape

#: What every U-Net takes.
UNET_INPUTS = frozenset({"sample", "timestep", "encoder_hidden_states"})

#: What U-Nets of one family or another take besides.
_MORE_INPUTS = frozenset({"time_ids", "text_embeds", "timestep_cond", "class_labels"})
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
    unet_inputs: of the whole U-Net.
    text_encoders: the parts that encode a prompt.
    scaling_factor: of the VAE's latents, to the unit standard deviation that the U-Net was trained on.
    """

    name: str
    unet_inputs: frozenset[str]
    text_encoders: tuple[str, ...]
    scaling_factor: float


STABLE_DIFFUSION = Family(
    name="Stable Diffusion 1 or 2",
    unet_inputs=UNET_INPUTS,
    text_encoders=("text_encoder",),
    scaling_factor=0.18215,
)
#: Every family that can be drawn.
FAMILIES = (STABLE_DIFFUSION,)


def family_of(unet_inputs: Collection[str]) -> Family | None:
    """Return the family whose U-Nets take exactly these inputs, None if there is none.

    What ControlNets give does not count: with zeros there, the U-Net is a plain one.
    """
    inputs = frozenset(name for name in unet_inputs if not name.startswith(RESIDUAL))
    return next((family for family in FAMILIES if family.unet_inputs == inputs), None)


def is_unet_input(name: str) -> bool:
    """Say whether an input of a chunk is the whole U-Net's; if not, the other chunk gives it."""
    return name in UNET_INPUTS | _MORE_INPUTS | _STABLE_DIFFUSION_3 or name.startswith(RESIDUAL)


def unsupported(name: str, inputs: Mapping[str, Shape]) -> str | None:
    """Return what a U-Net with this input among its inputs is, as a sentence's words; None if that does not tell."""
    if name in {"text_embeds", "time_ids"}:
        # The refiner is told an aesthetic score in place of the size that is wanted.
        refiner = inputs.get("time_ids", ())[-1:] == (5,)
        return (
            "The refiner of Stable Diffusion XL is not supported"
            if refiner
            else "Stable Diffusion XL is not supported"
        )
    if name in _STABLE_DIFFUSION_3:
        return "Stable Diffusion 3 is not supported"
    if name == "timestep_cond":
        return "Latent consistency models are not supported"
    if name == "class_labels":
        return "Upscalers are not supported"
    return None
