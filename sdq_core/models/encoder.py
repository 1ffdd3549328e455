"""Whether a model can begin with a picture: its VAE encoder, which text to image does without."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sdq_core.errors import PackageError
from sdq_core.models.check import LATENT_CHANNELS, VAE_SCALE_FACTOR, check_vae_encoder
from sdq_core.models.declared import Part


def encoder_of(model: str, parts: Mapping[str, Path]) -> Path:
    """Return a model's VAE encoder; raise PackageError if it has none."""
    if "vae_encoder" in parts:
        return parts["vae_encoder"]
    raise PackageError(
        f"Model {model} has no VAE encoder, which turns pictures into what it draws from. Run `sdq models pull` "
        "again with its repository, or put the converted vae_encoder package beside its other parts."
    )


def check_encoder(model: str, parts: Mapping[str, Path], width: int, height: int) -> None:
    """Raise PackageError unless a model's parts have a VAE encoder for pictures of that size in pixels."""
    encoder = Part.read(encoder_of(model, parts))
    shape = (1, LATENT_CHANNELS, height // VAE_SCALE_FACTOR, width // VAE_SCALE_FACTOR)
    check_vae_encoder(encoder, shape)
