"""Record what diffusers draws from a picture, into `tests/golden/image_to_image`.

The networks are those of `record_controlnet.py`, made anew from their seed; only the VAE encoder's package is added to
theirs. Needs what that script needs:

    PYTHONPATH=/path/to/ml-stable-diffusion:tools python tools/record_image_to_image.py

The noise is sdq's: of a seed's `RandomState` the first draw is the first noise, in float16, the second chooses the
picture's latents, and the scheduler's own come next. LCM and TCD take their strength by `set_timesteps(strength=)`, as
diffusers' pipeline of LCM does. PNDM and LMS are recorded where diffusers is right: from the first step.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import torch
from diffusers import StableDiffusionImg2ImgPipeline, StableDiffusionInpaintPipeline
from diffusers.image_processor import VaeImageProcessor
from diffusers.models.autoencoders import vae
from diffusers.pipelines.stable_diffusion import (
    pipeline_stable_diffusion_img2img,
    pipeline_stable_diffusion_inpaint,
)
from diffusers.schedulers import scheduling_euler_ancestral_discrete, scheduling_lcm, scheduling_tcd
from PIL import Image, ImageDraw
from record_controlnet import GOLDEN, HEIGHT, WIDTH, picture, tiny_networks, torch2coreml

TARGET = GOLDEN / "image_to_image"
#: Of the model's file: what a scheduler in memory leaves to a default would be dropped.
SETTINGS = diffusers.DDIMScheduler.from_pretrained(GOLDEN / "controlnet" / "scheduler").config
SHAPE = (1, 4, HEIGHT, WIDTH)
SEED = 3
PROMPT, NEGATIVE = "a lighthouse by the sea at night", "a blurry house"
DISTILLED = ("LCM", "TCD")
#: scheduler, steps, guidance scale, strength, eta, whether there is a mask
CASES: dict[str, tuple[str, int, float, float, float, bool]] = {
    "DDIM 0.3": ("DDIM", 10, 5.0, 0.3, 0.0, False),
    "DDIM 0.8": ("DDIM", 10, 5.0, 0.8, 0.0, False),
    "DDIM 1": ("DDIM", 6, 5.0, 1.0, 0.0, False),
    "DDIM without guidance": ("DDIM", 8, 1.0, 0.5, 0.0, False),
    "DPM": ("DPMSolverMultistep", 10, 5.0, 0.6, 0.0, False),
    "Euler": ("EulerDiscrete", 10, 5.0, 0.6, 0.0, False),
    "Euler ancestral": ("EulerAncestralDiscrete", 10, 5.0, 0.6, 0.0, False),
    "LMS": ("LMSDiscrete", 6, 5.0, 1.0, 0.0, False),
    "PNDM": ("PNDM", 6, 5.0, 1.0, 0.0, False),
    "LCM": ("LCM", 4, 1.0, 0.5, 0.0, False),
    "LCM 0.2": ("LCM", 4, 1.0, 0.2, 0.0, False),
    "TCD": ("TCD", 4, 1.0, 0.5, 0.0, False),
    "TCD with noise": ("TCD", 4, 1.0, 0.5, 0.3, False),
    "mask, DDIM": ("DDIM", 10, 5.0, 0.8, 0.0, True),
    "mask, DPM": ("DPMSolverMultistep", 10, 5.0, 0.6, 0.0, True),
    "mask, Euler": ("EulerDiscrete", 10, 5.0, 0.7, 0.0, True),
    "mask, LCM": ("LCM", 4, 1.0, 0.5, 0.0, True),
}


def mask() -> Image.Image:
    """Return a mask of another size than the image: white where it is drawn anew."""
    image = Image.new("L", (120, 80))
    ImageDraw.Draw(image).ellipse((30, 10, 115, 70), fill=255)
    return image


class OwnList:
    """A pipeline whose scheduler takes the strength itself."""

    def get_timesteps(self, num_inference_steps: int, strength: float, device: Any) -> Any:
        """Return the timesteps to take, and how many."""
        scheduler: Any = self.scheduler  # type: ignore[attr-defined]
        scheduler.set_timesteps(num_inference_steps, strength=strength, device=device)
        return scheduler.timesteps, num_inference_steps


class Img2ImgOfOwnList(OwnList, StableDiffusionImg2ImgPipeline):
    """Image to image, for LCM and TCD."""


class InpaintOfOwnList(OwnList, StableDiffusionInpaintPipeline):
    """A mask, for LCM and TCD."""


def deal_noise() -> None:
    """Have diffusers draw its noise as sdq orders it."""
    state = np.random.RandomState(SEED)
    first = state.randn(*SHAPE).astype(np.float16).astype(np.float32)
    # What diffusers encodes besides the picture changes nothing that a U-Net of four channels sees.
    of_encoder = iter([state.randn(*SHAPE).astype(np.float32), np.zeros(SHAPE, np.float32)])
    vae.randn_tensor = lambda *_, **__: torch.from_numpy(next(of_encoder))
    for pipeline in (pipeline_stable_diffusion_img2img, pipeline_stable_diffusion_inpaint):
        pipeline.randn_tensor = lambda *_, **__: torch.from_numpy(first)
    for scheduler in (scheduling_euler_ancestral_discrete, scheduling_lcm, scheduling_tcd):
        scheduler.randn_tensor = lambda *_, **__: torch.from_numpy(
            state.randn(*SHAPE).astype(np.float32)
        )


def drawn(parts: dict[str, Any], case: tuple[str, int, float, float, float, bool]) -> np.ndarray:
    """Draw one case; return its pixels."""
    name, steps, guidance, strength, eta, masked = case
    scheduler = getattr(diffusers, f"{name}Scheduler").from_config(SETTINGS)
    own = name in DISTILLED
    kinds: Any = (
        (StableDiffusionInpaintPipeline, InpaintOfOwnList)
        if masked
        else (StableDiffusionImg2ImgPipeline, Img2ImgOfOwnList)
    )
    pipe = kinds[own](**{**parts, "scheduler": scheduler})
    pipe.set_progress_bar_config(disable=True)
    size = {"height": HEIGHT * 8, "width": WIDTH * 8}
    given: dict[str, Any] = {"image": picture(0), "mask_image": mask(), **size}
    if not masked:
        # This pipeline does not resize.
        processor = VaeImageProcessor(vae_scale_factor=8)
        given = {"image": processor.preprocess(picture(0), **size)}
    deal_noise()
    latents = pipe(
        PROMPT,
        negative_prompt=NEGATIVE,
        num_inference_steps=steps,
        guidance_scale=guidance,
        strength=strength,
        eta=eta,
        output_type="latent",
        **given,
    ).images
    with torch.no_grad():
        image = parts["vae"].decode(latents / 0.18215, return_dict=False)[0]
    pixels = (image / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1)[0].numpy()
    return (pixels * 255).round().astype(np.uint8)


def main() -> None:
    """Record everything anew."""
    parts = tiny_networks()
    found = {name: drawn(parts, case) for name, case in CASES.items()}
    shutil.rmtree(TARGET, ignore_errors=True)
    TARGET.mkdir()
    torch2coreml.get_pipeline = lambda _args: StableDiffusionImg2ImgPipeline(**parts)
    with tempfile.TemporaryDirectory() as folder:
        torch2coreml.main(
            torch2coreml.parser_spec().parse_args(
                ["--convert-vae-encoder", "--model-version", "runwayml/stable-diffusion-v1-5",
                 "--latent-h", str(HEIGHT), "--latent-w", str(WIDTH), "-o", folder]
            )
        )  # fmt: skip
        for package in Path(folder).glob("*.mlpackage"):
            short = package.name.replace("runwayml_stable-diffusion-v1-5", "tiny")
            shutil.copytree(package, TARGET / short)
    picture(0).save(TARGET / "picture.png")
    mask().save(TARGET / "mask.png")
    cases = json.dumps(
        {"prompt": PROMPT, "negative_prompt": NEGATIVE, "seed": SEED, "cases": CASES}
    )
    np.savez_compressed(
        TARGET / "drawn.npz",
        cases=np.array(cases),
        versions=np.array(f"diffusers {diffusers.__version__}, torch {torch.__version__}"),
        **found,
    )


if __name__ == "__main__":
    main()
