"""Whether the parts of a model are Stable Diffusion 1's or 2's and fit each other.

One check for whoever handles a model, before anything is queued, and for the pipelines that draw with it: names, shapes
and channels, from what the networks declare. Models of other kinds are refused by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sdq_core.errors import PackageError
from sdq_core.models.declared import INSTEAD, RECONVERT, TOGETHER, Part
from sdq_core.models.families import (
    RESIDUAL,
    STABLE_DIFFUSION,
    Family,
    family_of,
    is_unet_input,
)
from sdq_core.models.mlmodel import Shape
from sdq_core.models.network import refuse_without_text
from sdq_core.models.unets import UNET_PARTS, unet_parts
from sdq_core.printable import quote

#: Latents are an eighth of the image on each side in every Stable Diffusion VAE.
VAE_SCALE_FACTOR = 8
LATENT_CHANNELS = 4
SAFETY_CHECKER_INPUTS = frozenset({"clip_input", "images", "adjustment"})

#: Latents of 16,384 pixels; no machine could hold more, whatever a file claims.
_MAX_SAMPLE = 2048

#: Parts that only models of other kinds have.
_FOREIGN_PARTS = {
    "mmdit": "Stable Diffusion 3",
    "text_encoder_t5": "Stable Diffusion 3",
    "unet_refiner": "Stable Diffusion XL with its refiner",
    "unet_refiner_chunk1": "Stable Diffusion XL with its refiner",
    "unet_refiner_chunk2": "Stable Diffusion XL with its refiner",
    "text_encoder_2": "Stable Diffusion XL",
}
#: What the channels of a U-Net's sample say beside the four of the latents.
_CHANNELS = {
    5: "a depth-to-image model",
    7: "an upscaler",
    8: "an image editing model (InstructPix2Pix)",
    9: "an inpainting model",
    16: "a model of 16 latent channels, such as Stable Diffusion 3 or Flux",
}


@dataclass(frozen=True, kw_only=True)
class Latents:
    """What a U-Net denoises. batch: 2 for classifier-free guidance, else 1. height, width: latents, 1/8 of pixels."""

    batch: int
    height: int
    width: int

    @property
    def shape(self) -> Shape:
        """[1, 4, h / 8, w / 8]: one image's."""
        return (1, LATENT_CHANNELS, self.height, self.width)


@dataclass(frozen=True, kw_only=True)
class Checked:
    """Parts that fit each other. embedded_tokens: as `Part.embedded_tokens` of the text encoder."""

    family: Family
    latents: Latents
    embedded_tokens: int | None


def check_parts(
    parts: Mapping[str, Path], *, max_length: int, prepared: Shape | None = None
) -> Checked:
    """Read the networks that drawing needs, and return what they say together.

    parts: as `VariantFolder.parts`. max_length: the tokens that the tokenizer gives. prepared: the shape of
    an image as the feature extractor prepares it, None if that is not known.

    Raises PackageError, with the file, for a part that is incomplete or damaged, that does not fit the others, or whose
    kind is not supported.
    """
    unet = read_unet(parts, unet_parts(parts))
    latents = check_unet(unet)
    text_encoder = Part.read(parts["text_encoder"])
    check_text_encoder(text_encoder, max_length)
    _, channels, _, length = unet.inputs["encoder_hidden_states"]
    if length != max_length:
        raise PackageError(
            f"{unet.name} attends to {length} tokens, but the tokenizer produces {max_length}. {TOGETHER}"
        )
    given = (text_encoder.outputs or {}).get("last_hidden_state")
    if given and given != (1, length, channels):
        raise PackageError(
            f"{unet.name} attends to {length} tokens of {channels} channels, but {text_encoder.name} gives "
            f"last_hidden_state of shape {given}. {TOGETHER}"
        )
    check_vae_decoder(Part.read(parts["vae_decoder"]), latents.shape)
    if "safety_checker" in parts:
        checker = Part.read(parts["safety_checker"])
        check_safety_checker(checker)
        image = (1, latents.height * VAE_SCALE_FACTOR, latents.width * VAE_SCALE_FACTOR, 3)
        checker.require_shape("images", image, TOGETHER)
        if prepared:
            why = "Use the feature extractor of this model."
            checker.require_shape("clip_input", prepared, why)
    return Checked(
        family=check_family(unet), latents=latents, embedded_tokens=text_encoder.embedded_tokens
    )


def refuse_unsupported(folder: Path, parts: Mapping[str, Path]) -> None:
    """Raise PackageError if a folder's parts are of a kind that nothing here can draw, complete or not.

    Asked first, so that nobody looks for missing parts and settings of a model that would be refused with them. Of
    compiled models, the U-Net stands for all.
    """
    for part, kind in _FOREIGN_PARTS.items():
        if part in parts:
            raise PackageError(f"{folder} holds {kind}, which is not supported. {INSTEAD}")
    for part in unet_parts(parts) or UNET_PARTS:
        if part in parts:
            refuse_without_text(parts[part])
            return


def check_family(unet: Part) -> Family:
    """Return the family that a U-Net is of; raise PackageError for one that cannot be drawn."""
    family = family_of(unet.inputs)
    if family is None:
        residuals = {name for name in unet.inputs if name.startswith(RESIDUAL)}
        unet.require_inputs(STABLE_DIFFUSION.unet_inputs | residuals)
    return family or STABLE_DIFFUSION


def check_unet(unet: Part) -> Latents:
    """Return what a U-Net denoises; raise PackageError for anything but a text-to-image one of batch 1 or 2."""
    check_family(unet)
    shape = unet.inputs["sample"]
    if len(shape) != 4 or shape[0] not in {1, 2} or shape[1] != LATENT_CHANNELS:
        kind = _CHANNELS.get(shape[1]) if len(shape) == 4 else None
        raise PackageError(
            f"{unet.name} takes samples of shape {shape}, but sdq needs (1 or 2, {LATENT_CHANNELS}, height / 8, "
            f"width / 8){f'; this is {kind}' if kind else ''}. Use a text-to-image model of Stable Diffusion 1 or 2."
        )
    batch, _, height, width = shape
    if not (1 <= height <= _MAX_SAMPLE and 1 <= width <= _MAX_SAMPLE):
        raise PackageError(
            f"{unet.name} draws images of an impossible size: its sample is {shape}. {RECONVERT}"
        )
    unet.require_shape("timestep", (batch,), RECONVERT)
    states = unet.inputs["encoder_hidden_states"]
    if len(states) != 4 or (states[0], states[2]) != (batch, 1):
        raise PackageError(
            f"{unet.name} takes encoder_hidden_states of shape {states}, not ({batch}, channels, 1, tokens). "
            f"{RECONVERT}"
        )
    unet.require_output("noise_pred", shape)
    residuals_of(unet)
    return Latents(batch=batch, height=height, width=width)


def residuals_of(unet: Part) -> dict[str, Shape]:
    """Return what a U-Net takes from ControlNets, in order; nothing for a plain one.

    Raise PackageError for anything but one array an image for each number from 0.
    """
    found = {name: unet.inputs[name] for name in unet.inputs if name.startswith(RESIDUAL)}
    names = [f"{RESIDUAL}{number}" for number in range(len(found))]
    batch = unet.inputs["sample"][0]
    if set(names) != found.keys() or any(
        len(shape) != 4 or shape[0] != batch for shape in found.values()
    ):
        raise PackageError(
            f"{unet.name} takes {', '.join(map(quote, sorted(found)[:3]))} and so on from ControlNets, which are not "
            f"one array of batch {batch} for each number from 0. {RECONVERT}"
        )
    return {name: found[name] for name in names}


def check_text_encoder(text_encoder: Part, max_length: int) -> None:
    """Raise PackageError unless it takes what the tokenizer gives. max_length: tokens."""
    text_encoder.require_inputs({"input_ids"})
    shape = text_encoder.inputs["input_ids"]
    if shape != (1, max_length):
        raise PackageError(
            f"{text_encoder.name} takes input_ids of shape {shape}, but the tokenizer produces (1, {max_length}). "
            "Use the tokenizer of this model."
        )
    text_encoder.require_output("last_hidden_state")


def check_vae_decoder(vae_decoder: Part, latents: Shape) -> None:
    """Raise PackageError unless it takes the U-Net's latents."""
    vae_decoder.require_inputs({"z"})
    shape = vae_decoder.inputs["z"]
    if shape != latents:
        raise PackageError(
            f"{vae_decoder.name} takes latents of shape {shape}, but the U-Net produces {latents}. {TOGETHER}"
        )
    _, _, height, width = latents
    vae_decoder.require_output("image", (1, 3, height * VAE_SCALE_FACTOR, width * VAE_SCALE_FACTOR))


def check_vae_encoder(vae_encoder: Part, latents: Shape) -> str:
    """Return the name of the input that takes the image; raise PackageError unless it encodes to the U-Net's latents.

    Converters before 0.4 made encoders that draw their own noise, from five inputs.
    """
    name = "z" if "z" in vae_encoder.inputs else "x"
    if len(vae_encoder.inputs) > 1 and name in vae_encoder.inputs:
        raise PackageError(
            f"{vae_encoder.name} was made by an old converter and draws its own noise. "
            "Convert it again with Apple's torch2coreml."
        )
    vae_encoder.require_inputs({name})
    _, channels, height, width = latents
    image = (1, 3, height * VAE_SCALE_FACTOR, width * VAE_SCALE_FACTOR)
    vae_encoder.require_shape(name, image, TOGETHER)
    vae_encoder.require_output("latent", (1, 2 * channels, height, width))
    return name


def check_safety_checker(checker: Part) -> None:
    """Raise PackageError unless it is Stable Diffusion's."""
    checker.require_inputs(SAFETY_CHECKER_INPUTS)
    checker.require_shape("adjustment", (1,), RECONVERT)
    checker.require_output("concept_scores")
    checker.require_output("has_nsfw_concepts")


def read_unet(parts: Mapping[str, Path], names: tuple[str, ...]) -> Part:
    """Return a whole U-Net, or its two chunks as if they were one. names: its parts', of `sdq_core.models.unets`."""
    first, *rest = (Part.read(parts[name]) for name in names)
    if not rest:
        return first
    (second,) = rest
    passed = first.outputs
    if passed is not None:
        for name, shape in second.inputs.items():
            if is_unet_input(name):
                continue
            if name not in passed:
                raise PackageError(
                    f"{second.name} takes {quote(name)}, which {first.name} does not give. {TOGETHER}"
                )
            first.require_output(name, shape)
    again = {name: shape for name, shape in second.inputs.items() if is_unet_input(name)}
    return Part(name=first.name, inputs={**again, **first.inputs}, outputs=second.outputs)
