"""Whether the parts of a model are of a family that can be drawn and fit each other.

One check for whoever handles a model, before anything is queued, and for the pipelines that draw with it: names, shapes
and channels, from what the networks declare. Models of other kinds are refused by name.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from sdq_core.errors import PackageError
from sdq_core.models.declared import INSTEAD, RECONVERT, TOGETHER, Part
from sdq_core.models.families import (
    GUIDANCE_EMBEDDING,
    RESIDUAL,
    STABLE_DIFFUSION,
    TIME_IDS,
    TIME_IDS_EACH,
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
#: What the text encoder of a prompt as a whole gives, where a U-Net asks for it.
POOLED = "pooled_outputs"
SAFETY_CHECKER_INPUTS = frozenset({"clip_input", "images", "adjustment"})

#: Latents of 16,384 pixels; no machine could hold more, whatever a file claims.
_MAX_SAMPLE = 2048

#: Parts that only models of other kinds have.
_FOREIGN_PARTS = {
    "mmdit": "Stable Diffusion 3",
    "text_encoder_t5": "Stable Diffusion 3",
    "unet_refiner": "the refiner of Stable Diffusion XL",
    "unet_refiner_chunk1": "the refiner of Stable Diffusion XL",
    "unet_refiner_chunk2": "the refiner of Stable Diffusion XL",
}
_UNETS = ("unet", "unet_chunk1")
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
    """Parts that fit each other.

    embeds_guidance: whether the U-Net takes the guidance scale as an input.
    embedded_tokens: the least that a text encoder knows.
    """

    family: Family
    embeds_guidance: bool
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
    family = check_family(unet)
    latents = check_unet(unet)
    for name in family.text_encoders:
        if name not in parts:
            raise PackageError(
                f"{unet.name} is of {family.name}, but there is no {name} beside it. Download or convert it."
            )
    text_encoders = [Part.read(parts[name]) for name in family.text_encoders]
    for text_encoder in text_encoders:
        check_text_encoder(text_encoder, max_length, family)
    _, channels, _, length = unet.inputs["encoder_hidden_states"]
    if length != max_length:
        raise PackageError(
            f"{unet.name} attends to {length} tokens, but the tokenizer produces {max_length}. {TOGETHER}"
        )
    given = [(each.outputs or {}).get(family.hidden_states) for each in text_encoders]
    if all(given) and (
        {shape[:2] for shape in given if shape} != {(1, length)}
        or sum(shape[2] for shape in given if shape) != channels
    ):
        raise PackageError(
            f"{unet.name} attends to {length} tokens of {channels} channels, but "
            f"{' and '.join(each.name for each in text_encoders)} gives {family.hidden_states} of shape "
            f"{' and '.join(map(str, given))}. {TOGETHER}"
        )
    if "text_embeds" in family.unet_inputs:
        _, width = unet.inputs["text_embeds"]
        text_encoders[-1].require_output(POOLED, (1, width))
    check_vae_decoder(Part.read(parts["vae_decoder"]), latents.shape)
    if "safety_checker" in parts:
        checker = Part.read(parts["safety_checker"])
        check_safety_checker(checker)
        image = (1, latents.height * VAE_SCALE_FACTOR, latents.width * VAE_SCALE_FACTOR, 3)
        checker.require_shape("images", image, TOGETHER)
        if prepared:
            why = "Use the feature extractor of this model."
            checker.require_shape("clip_input", prepared, why)
    known = [each.embedded_tokens for each in text_encoders if each.embedded_tokens is not None]
    return Checked(
        family=family,
        embeds_guidance=GUIDANCE_EMBEDDING in unet.inputs,
        latents=latents,
        embedded_tokens=min(known) if known else None,
    )


def refuse_unsupported(folder: Path, parts: Mapping[str, Path]) -> None:
    """Raise PackageError if a folder's parts are of a kind that nothing here can draw, complete or not.

    Asked first, so that nobody looks for missing parts and settings of a model that would be refused with them. Of
    compiled models, the U-Net stands for all.
    """
    if kind := foreign_kind(parts):
        raise PackageError(f"{folder} holds {kind}, which is not supported. {INSTEAD}")
    for part in unet_parts(parts) or UNET_PARTS:
        if part in parts:
            refuse_without_text(parts[part])
            return


def foreign_kind(parts: Collection[str]) -> str | None:
    """Return what a model is that nothing here can draw, by its parts' names; None if they do not tell.

    A refiner beside a whole model is left alone.
    """
    if not set(parts).isdisjoint(_UNETS):
        parts = set(parts) - {part for part in parts if part.startswith("unet_refiner")}
    return next((kind for part, kind in _FOREIGN_PARTS.items() if part in parts), None)


def check_family(unet: Part) -> Family:
    """Return the family that a U-Net is of; raise PackageError for one that cannot be drawn."""
    family = family_of(unet.inputs)
    if family is None:
        residuals = {name for name in unet.inputs if name.startswith(RESIDUAL)}
        unet.require_inputs(
            STABLE_DIFFUSION.unet_inputs | residuals | unet.inputs.keys() & {GUIDANCE_EMBEDDING}
        )
    return family or STABLE_DIFFUSION


def check_unet(unet: Part) -> Latents:
    """Return what a U-Net denoises; raise PackageError for anything but a text-to-image one of batch 1 or 2."""
    check_family(unet)
    shape = unet.inputs["sample"]
    if len(shape) != 4 or shape[0] not in {1, 2} or shape[1] != LATENT_CHANNELS:
        kind = _CHANNELS.get(shape[1]) if len(shape) == 4 else None
        raise PackageError(
            f"{unet.name} takes samples of shape {shape}, but sdq needs (1 or 2, {LATENT_CHANNELS}, height / 8, "
            f"width / 8){f'; this is {kind}' if kind else ''}. Use a text-to-image model."
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
    if TIME_IDS in unet.inputs and math.prod(unet.inputs[TIME_IDS]) != TIME_IDS_EACH * batch:
        raise PackageError(
            f"{unet.name} takes time_ids of shape {unet.inputs[TIME_IDS]}, not ({batch}, {TIME_IDS_EACH}). {RECONVERT}"
        )
    if "text_embeds" in unet.inputs:
        embeds = unet.inputs["text_embeds"]
        if len(embeds) != 2 or embeds[0] != batch:
            raise PackageError(
                f"{unet.name} takes text_embeds of shape {embeds}, not ({batch}, channels). {RECONVERT}"
            )
    if GUIDANCE_EMBEDDING in unet.inputs:
        _check_guidance_embedding(unet, batch)
    unet.require_output("noise_pred", shape)
    residuals_of(unet)
    return Latents(batch=batch, height=height, width=width)


def _check_guidance_embedding(unet: Part, batch: int) -> None:
    shape = unet.inputs[GUIDANCE_EMBEDDING]
    if len(shape) != 2 or shape[0] != batch or shape[1] < 4 or shape[1] % 2:
        raise PackageError(
            f"{unet.name} takes {GUIDANCE_EMBEDDING} of shape {shape}, not ({batch}, an even width). {RECONVERT}"
        )


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


def check_text_encoder(text_encoder: Part, max_length: int, family: Family) -> None:
    """Raise PackageError unless it takes what the tokenizer gives, and gives what the family needs.

    max_length: tokens.
    """
    text_encoder.require_inputs({"input_ids"})
    shape = text_encoder.inputs["input_ids"]
    if shape != (1, max_length):
        raise PackageError(
            f"{text_encoder.name} takes input_ids of shape {shape}, but the tokenizer produces (1, {max_length}). "
            "Use the tokenizer of this model."
        )
    text_encoder.require_output(family.hidden_states)


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


def read_unet(parts: Mapping[str, Path], names: tuple[str, ...], *, weights: bool = True) -> Part:
    """Return a whole U-Net, or its two chunks as if they were one. names: its parts', of `sdq_core.models.unets`.

    weights: whether they must be there.
    """
    first, *rest = (Part.read(parts[name], weights=weights) for name in names)
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
