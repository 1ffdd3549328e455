"""The parts of a model variant: each loaded on its compute unit, and checked to fit the others. For every pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sdq_core.errors import PackageError
from sdq_core.models import VariantFolder
from sdq_core.models.encoder import encoder_of
from sdq_core.models.unets import UNET_PARTS, control_unet_parts, unet_parts
from sdq_core.values.part_units import Part, PartUnits
from sdq_core.values.safety import Safety
from sdq_core.values.variants import ComputeUnit
from worker.pipelines.safety import FeatureExtractor, SafetyChecker
from worker.pipelines.unet import ChunkedModel, UNet
from worker.pipelines.vae import VaeDecoder, VaeEncoder
from worker.runtimes.contract import LoadedModel, Runtime


@dataclass(frozen=True, kw_only=True)
class Parts:
    """A model variant's parts in memory.

    text_encoders: part -> prompt tokens to hidden states.
    unet: predicts noise.
    vae_decoder: latents to pixels.
    safety_checker: None if it is off, or if it or its feature extractor is missing.
    """

    text_encoders: Mapping[str, LoadedModel]
    unet: UNet
    vae_decoder: VaeDecoder
    safety_checker: SafetyChecker | None

    @classmethod
    def load(
        cls,
        folder: VariantFolder,
        runtime: Runtime,
        units: PartUnits,
        safety: Safety = Safety.FLAG,
    ) -> Parts:
        """Load every part that text to image needs; prefer the whole U-Net to its chunks.

        units: what each part runs on.

        Raises PackageError if a part is missing, damaged or does not fit the others, or if flagged images are to be
        hidden and the model has no safety checker.
        """
        extractor = _feature_extractor(folder, safety)
        names = unet_parts(folder.parts) or _wanted(folder)
        packages = {
            name: _part(folder, name)
            for name in (*folder.family.text_encoders, "vae_decoder", *names)
        }

        def load(name: str, unit: ComputeUnit) -> LoadedModel:
            return runtime.load(packages[name], unit)

        text_encoders = {
            name: load(name, units.text_encoder) for name in folder.family.text_encoders
        }
        unet = _joined([load(name, units.unet) for name in names])
        vae_decoder = VaeDecoder(
            load("vae_decoder", units.vae_decoder),
            unet.latents_shape,
            folder.scaling_factor,
        )
        safety_checker = None
        if extractor is not None:
            checker = runtime.load(folder.parts["safety_checker"], units.safety_checker)
            safety_checker = SafetyChecker(extractor, checker)
        return cls(
            text_encoders=text_encoders,
            unet=unet,
            vae_decoder=vae_decoder,
            safety_checker=safety_checker,
        )


def load_vae_encoder(
    folder: VariantFolder, runtime: Runtime, units: PartUnits, latents_shape: tuple[int, ...]
) -> VaeEncoder:
    """Load what only pictures need; raise PackageError if it is missing, damaged or does not fit the U-Net."""
    model = runtime.load(encoder_of(folder.model, folder.parts), units.vae_encoder)
    return VaeEncoder(model, latents_shape, folder.scaling_factor)


def load_control_unet(folder: VariantFolder, runtime: Runtime, units: PartUnits) -> UNet:
    """Load the U-Net that only ControlNets need; raise PackageError if it is missing or damaged."""
    names = control_unet_parts(folder.parts) or ("control-unet",)
    return _joined([runtime.load(_part(folder, name), units.unet) for name in names])


def packages_of_parts(folder: VariantFolder) -> Mapping[Path, Part]:
    """Return which part each package of a variant is, of those that drawing needs."""
    names = (
        {str(part): part for part in Part}
        | dict.fromkeys(UNET_PARTS, Part.UNET)
        | {"text_encoder_2": Part.TEXT_ENCODER}
    )
    return {path: names[name] for name, path in folder.parts.items() if name in names}


def _feature_extractor(folder: VariantFolder, safety: Safety) -> FeatureExtractor | None:
    """Read the safety checker's feature extractor; None if the checker is off or missing."""
    if not safety.checks:
        return None
    if "safety_checker" in folder.parts and folder.feature_extractor is not None:
        return FeatureExtractor(folder.feature_extractor)
    if not safety.hides:
        return None
    lacks = (
        "feature_extractor folder" if "safety_checker" in folder.parts else "safety_checker package"
    )
    raise PackageError(
        f"Model {folder.model} ({folder.attention_implementation}) has no {lacks}, so --safety {safety} could hide "
        "nothing. Put it beside the model's other parts, or use --safety flag or --safety off."
    )


def _wanted(folder: VariantFolder) -> tuple[str, ...]:
    """Return the parts of a U-Net that is not complete: one of them is missing."""
    chunks = ("unet_chunk1", "unet_chunk2")
    return chunks if any(chunk in folder.parts for chunk in chunks) else ("unet",)


def _joined(models: Sequence[LoadedModel]) -> UNet:
    """Return a whole U-Net, or one of two chunks."""
    return UNet(models[0] if len(models) == 1 else ChunkedModel(*models))


def _part(folder: VariantFolder, name: str) -> Path:
    if name not in folder.parts:
        raise PackageError(
            f"Model {folder.model} ({folder.attention_implementation}) has no {name} package. "
            f"It has {', '.join(sorted(folder.parts)) or 'none'}. Download or convert the rest."
        )
    return folder.parts[name]
