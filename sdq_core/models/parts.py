"""The names of a model's parts and of the folders that hold them.

Parts are matched by exact suffix, because a whole U-Net and its chunks can be side by side.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from sdq_core.values.variants import AttentionImplementation

_PART = re.compile(
    r"(?:^|_)(text_encoder_2|text_encoder|unet_chunk1|unet_chunk2|control-unet|unet|vae_decoder|"
    r"vae_encoder|safety_checker|mmdit)\.mlpackage$"
)

#: Apple's names of compiled parts.
_COMPILED_PARTS: Mapping[str, str] = {
    "TextEncoder.mlmodelc": "text_encoder",
    "TextEncoder2.mlmodelc": "text_encoder_2",
    "Unet.mlmodelc": "unet",
    "UnetChunk1.mlmodelc": "unet_chunk1",
    "UnetChunk2.mlmodelc": "unet_chunk2",
    "ControlledUnet.mlmodelc": "control-unet",
    "VAEDecoder.mlmodelc": "vae_decoder",
    "VAEEncoder.mlmodelc": "vae_encoder",
    "SafetyChecker.mlmodelc": "safety_checker",
    "UnetRefiner.mlmodelc": "unet_refiner",
    "UnetRefinerChunk1.mlmodelc": "unet_refiner_chunk1",
    "UnetRefinerChunk2.mlmodelc": "unet_refiner_chunk2",
    "TextEncoderT5.mlmodelc": "text_encoder_t5",
    "MultiModalDiffusionTransformer.mlmodelc": "mmdit",
}

#: How a folder's parts are stored -> their extension.
KINDS: Mapping[str, str] = {"packages": ".mlpackage", "compiled": ".mlmodelc"}


def part_of(name: str) -> str | None:
    """Return the part that a package's or compiled model's name stands for, None for other names."""
    if match := _PART.search(name):
        return match[1]
    return _COMPILED_PARTS.get(name)


def holds_model(folder: Path, kind: str) -> bool:
    """Say whether parts of that kind (of `KINDS`) are directly in a folder."""
    try:
        return any(
            entry.name.endswith(KINDS[kind]) and part_of(entry.name) for entry in folder.iterdir()
        )
    except OSError:
        return False


def split_download(name: str) -> tuple[str, AttentionImplementation | None]:
    """Split `coreml-stable-diffusion-v1-4_original_packages` into model and attention."""
    for kind in KINDS:
        for attention in sorted(AttentionImplementation, key=len, reverse=True):
            suffix = f"_{attention}_{kind}"
            if name.endswith(suffix) and len(name) > len(suffix):
                return name[: -len(suffix)], attention
    return name, None
