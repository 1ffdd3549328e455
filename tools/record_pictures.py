"""Record how diffusers prepares pictures and masks: tests/golden/pictures.npz.

    python tools/record_pictures.py

Recorded with diffusers 0.35.2, torch 2.13.0 and pillow 13; needs no network and no model.
"""

from __future__ import annotations

from pathlib import Path

import diffusers
import numpy as np
import torch
from diffusers.image_processor import VaeImageProcessor
from PIL import Image

WIDTH, HEIGHT = 64, 48
TARGET = Path(__file__).resolve().parents[1] / "tests" / "golden" / "pictures.npz"


def main() -> None:
    """Write pictures and masks of several sizes, as they are and as diffusers prepares them."""
    print(f"diffusers {diffusers.__version__}")
    state = np.random.RandomState(0)
    picture = VaeImageProcessor(vae_scale_factor=8)
    mask = VaeImageProcessor(
        vae_scale_factor=8, do_normalize=False, do_binarize=True, do_convert_grayscale=True
    )
    recorded = {}
    for name, size in (("larger", (90, 130)), ("smaller", (40, 20)), ("equal", (WIDTH, HEIGHT))):
        pixels = state.randint(0, 256, (size[1], size[0], 3)).astype(np.uint8)
        given = picture.preprocess(Image.fromarray(pixels), height=HEIGHT, width=WIDTH)
        recorded[f"{name}_picture"], recorded[f"{name}_prepared"] = (
            pixels,
            given.numpy().astype(np.float16),
        )
        shades = np.asarray(
            Image.fromarray(pixels[..., 0]).resize((5, 4)).resize(size, Image.Resampling.BICUBIC)
        )
        prepared = mask.preprocess(Image.fromarray(shades), height=HEIGHT, width=WIDTH)
        # As the inpainting pipeline brings it to the size of latents.
        latent = torch.nn.functional.interpolate(prepared, size=(HEIGHT // 8, WIDTH // 8))
        recorded[f"{name}_mask"], recorded[f"{name}_latent_mask"] = (
            shades,
            latent.numpy().astype(np.uint8),
        )
    np.savez_compressed(TARGET, **recorded)


if __name__ == "__main__":
    main()
