"""The pieces that a model of each family is drawn with, put together from its parts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sdq_core.inputs.store import InputStore
from sdq_core.models import VariantFolder
from sdq_core.models.controlnet import ControlNets
from sdq_core.models.families import STABLE_DIFFUSION, STABLE_DIFFUSION_XL, Family
from sdq_core.printable import quote
from sdq_core.values.part_units import PartUnits
from sdq_core.values.safety import Safety
from worker.pipelines.conditioning import Conditioner, SizedTextConditioner, TextConditioner
from worker.pipelines.controlnet import Guidance
from worker.pipelines.parts import Parts, load_vae_encoder
from worker.pipelines.pictures import Pictures
from worker.pipelines.safety import SafetyChecker
from worker.pipelines.schedulers import SchedulerConfig
from worker.pipelines.text import TextEncoder
from worker.pipelines.tokenizer import ClipTokenizer
from worker.pipelines.unet import UNet
from worker.pipelines.vae import VaeDecoder
from worker.runtimes.contract import LoadedModel, Runtime

log = logging.getLogger(__name__)

#: The second text encoder of XL was trained with another padding; the vocabulary is the same.
PADDING_OF_XLS_SECOND = "!"


@dataclass(frozen=True, kw_only=True)
class Pieces:
    """What an image is drawn with.

    text_encoders: part -> its network.
    conditioner: a request to what the U-Net is told, by them.
    unet: predicts noise.
    vae_decoder: latents to pixels.
    safety_checker: None if it is off, or if it or its feature extractor is missing.
    scheduler_config: the model's settings of its schedulers.
    pictures: what an image begins from.
    guidance: ControlNets, and the U-Net that listens to them.
    """

    text_encoders: Mapping[str, LoadedModel]
    conditioner: Conditioner
    unet: UNet
    vae_decoder: VaeDecoder
    safety_checker: SafetyChecker | None
    scheduler_config: SchedulerConfig
    pictures: Pictures
    guidance: Guidance


def assemble(
    folder: VariantFolder,
    runtime: Runtime,
    units: PartUnits,
    safety: Safety = Safety.FLAG,
    inputs: Path | None = None,
    controlnets: ControlNets | None = None,
) -> Pieces:
    """Load a model variant, but for what waits for a picture: its VAE encoder, and the U-Net for ControlNets.

    inputs: the folder of pictures, None for nowhere. controlnets: those that images may use, None for none.

    Raise as `Parts.load` does, and PackageError for damaged settings.
    """
    # Small files first: a missing one should not cost the minutes that a U-Net may take.
    conditioner = _CONDITIONERS[folder.family](folder)
    scheduler_config = scheduler_config_of(folder)
    if ignored := scheduler_config.ignored():
        log.warning(
            "%s sets %s, which sdq's schedulers do not read.",
            scheduler_config.origin,
            ", ".join(map(quote, ignored)),
        )
    parts = Parts.load(folder, runtime, units, safety)
    pictures = Pictures(
        InputStore(inputs) if inputs else None,
        lambda: load_vae_encoder(folder, runtime, units, parts.unet.latents_shape),
        size=(parts.unet.width, parts.unet.height),
    )
    return Pieces(
        text_encoders=parts.text_encoders,
        conditioner=conditioner(parts.text_encoders),
        unet=parts.unet,
        vae_decoder=parts.vae_decoder,
        safety_checker=parts.safety_checker,
        scheduler_config=scheduler_config,
        pictures=pictures,
        guidance=Guidance(
            folder, runtime, units, nets=controlnets, pictures=pictures, plain=parts.unet
        ),
    )


def scheduler_config_of(folder: VariantFolder) -> SchedulerConfig:
    """Read a model's settings of schedulers, as diffusers corrects them for its family."""
    config = SchedulerConfig.from_file(folder.scheduler_config).with_set(folder.scheduler_settings)
    return config.for_stable_diffusion() if folder.family.corrects_scheduler else config


#: What is left to do once the text encoders are loaded, by part.
_Unfinished = Callable[[Mapping[str, LoadedModel]], Conditioner]


def _stable_diffusion(folder: VariantFolder) -> _Unfinished:
    tokenizer = ClipTokenizer(folder.tokenizer, folder.embedded_tokens)
    return lambda encoders: TextConditioner(
        TextEncoder(tokenizer, encoders["text_encoder"], STABLE_DIFFUSION)
    )


def _stable_diffusion_xl(folder: VariantFolder) -> _Unfinished:
    tokenizers = (
        ClipTokenizer(folder.tokenizer, folder.embedded_tokens),
        ClipTokenizer(folder.tokenizer, folder.embedded_tokens, pad_token=PADDING_OF_XLS_SECOND),
    )

    def finish(encoders: Mapping[str, LoadedModel]) -> SizedTextConditioner:
        return SizedTextConditioner(
            *(
                TextEncoder(tokenizer, encoders[name], STABLE_DIFFUSION_XL)
                for tokenizer, name in zip(
                    tokenizers, STABLE_DIFFUSION_XL.text_encoders, strict=True
                )
            ),
            width=folder.width,
            height=folder.height,
            zeros_for_empty_prompt=folder.zeros_for_empty_prompt,
        )

    return finish


_CONDITIONERS: Mapping[Family, Callable[[VariantFolder], _Unfinished]] = {
    STABLE_DIFFUSION: _stable_diffusion,
    STABLE_DIFFUSION_XL: _stable_diffusion_xl,
}
