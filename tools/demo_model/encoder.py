"""Train a VAE encoder for the shipped decoder, and convert it.

    python draw_pairs.py --out PAIRS.npz
    python encoder.py --model ../../sdq_core/demo_model --pairs PAIRS.npz --run RUN

The run that the demo model came from kept no encoder. This one is trained against the packaged decoder, whose weights
are read from its package and stay as they are: at first to find the latents of pictures that were decoded from them,
then also to encode rendered scenes so that decoding gives them back.

Shipped: 800 and 40 steps; until step 300 the cosine was of 2,000 steps.

Needs sdq with its `onnx` extra beside requirements.txt, to read the package.
"""

from __future__ import annotations

import argparse
import math
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import scenes
import torch
from attention import ATTENTIONS
from convert import MODEL_VERSION, VaeDecoder, _convert, describe, palettize
from networks import SCALING, build_vae
from numpy.typing import NDArray
from packaged import fill, package
from torch import Tensor, nn
from torch.nn import functional
from train import Average, _gradient_loss, cosine, to_tensor

#: The deviation of the encoder's distribution, in latents of unit deviation: the decoder hardly shows it.
DEVIATION = 0.05


@dataclass(frozen=True)
class Pairs:
    """Latents [N,4,16,16] of unit deviation, and their pictures, uint8 [N,128,128,3]."""

    latents: Tensor
    pictures: NDArray[np.uint8]


@dataclass(frozen=True)
class Steps:
    """How many of each kind."""

    pairs: int
    scenes: int


class Block(nn.Module):
    """Two convolutions beside what they change, with one group of normalization as the decoder has."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.GroupNorm(1, channels), nn.SiLU(), nn.Conv2d(channels, channels, 3, padding=1),
            nn.GroupNorm(1, channels), nn.SiLU(), nn.Conv2d(channels, channels, 3, padding=1),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = x + self.layers(x)
        return result


def build_encoder() -> nn.Module:
    """128x128 pictures to the means of 4x16x16 latents of unit deviation.

    Smaller than diffusers' at a quarter of the side: there a step takes a fifth of the time.
    """
    return nn.Sequential(
        nn.Conv2d(3, 64, 4, stride=4), Block(64), Block(64),
        nn.Conv2d(64, 96, 3, stride=2, padding=1), Block(96), Block(96), Block(96),
        nn.GroupNorm(1, 96), nn.SiLU(), nn.Conv2d(96, 4, 3, padding=1),
    )  # fmt: skip


class VaeEncoder(nn.Module):
    """`x` [1,3,128,128] in [-1,1] -> `latent` [1,8,16,16]: mean and log variance of latents divided by 0.18215."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.register_buffer(
            "log_variance", torch.full((1, 4, 16, 16), 2 * math.log(DEVIATION / SCALING))
        )

    def forward(self, x: Tensor) -> Tensor:
        mean = self.encoder(x) * (1 / SCALING)
        return torch.cat([mean, self.log_variance], dim=1)  # type: ignore[list-item]


def load_decoder(path: Path) -> VaeDecoder:
    """The packaged decoder in torch."""
    decoder = VaeDecoder(build_vae(), torch.zeros(4), torch.ones(4)).eval()
    fill(decoder, path, (torch.zeros(1, 4, 16, 16),))
    return decoder.to(memory_format=torch.channels_last).requires_grad_(False)  # type: ignore[call-overload]


def psnr(decoder: nn.Module, encoder: nn.Module, pictures: Tensor) -> float:
    """Round-trip PSNR in dB on pictures in [-1,1], as the mean over pictures."""
    with torch.no_grad():
        back = decoder(encoder(pictures) / SCALING).clamp(-1, 1)
    mse = (((back - pictures) / 2) ** 2).mean(dim=(1, 2, 3))
    return float((-10 * torch.log10(mse)).mean())


def train(decoder: nn.Module, pairs: Pairs, run: Path, steps: Steps, rate: float) -> nn.Module:
    """Train from scratch, or go on: on pairs first, then on scenes through the decoder; return the averaged encoder."""
    encoder = build_encoder().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average, optimizer = (
        Average(encoder, 0.998),
        torch.optim.AdamW(encoder.parameters(), lr=rate, betas=(0.9, 0.99)),
    )
    path, step = run / "encoder.pt", 0
    if path.exists():
        state = torch.load(path)
        encoder.load_state_dict(state["model"])
        average.module.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        step = state["step"]
    draw, rng, held = Random(step + 1), np.random.default_rng(step), Random(10_001)
    check = to_tensor(
        np.stack([scenes.draw(held, scenes.sample_scene(held, held_out=None)) for _ in range(8)])
    )
    began = time.monotonic()
    while step < steps.pairs + steps.scenes:
        on_pairs = step < steps.pairs
        share = step / steps.pairs if on_pairs else (step - steps.pairs) / steps.scenes
        for group in optimizer.param_groups:
            group["lr"] = cosine(int(share * 1000), 1000, rate if on_pairs else rate / 4, 20)
        chosen = rng.integers(len(pairs.latents), size=8 if on_pairs else 4)
        z, x = pairs.latents[chosen], to_tensor(pairs.pictures[chosen])
        if not on_pairs:
            scene = to_tensor(
                np.stack([scenes.draw(draw, scenes.sample_scene(draw)) for _ in range(2)])
            )
            x = torch.cat([x, scene])
        with torch.autocast("cpu", torch.bfloat16):
            found = encoder(x.to(memory_format=torch.channels_last)).float()
        loss = functional.smooth_l1_loss(found[: len(z)], z, beta=0.2)
        if not on_pairs:
            latents = found[len(z) :]
            with torch.autocast("cpu", torch.bfloat16):
                back = decoder((latents + DEVIATION * torch.randn_like(latents)) / SCALING).float()
            loss = (
                loss
                + functional.l1_loss(back, scene)
                + 2 * functional.mse_loss(back, scene)
                + 0.5 * _gradient_loss(back, scene)
            )
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
        optimizer.step()
        step += 1
        average.update(encoder, step)
        if step % 100 == 0 or step == steps.pairs + steps.scenes:
            torch.save({"model": encoder.state_dict(), "average": average.module.state_dict(),
                        "optimizer": optimizer.state_dict(), "step": step}, path)  # fmt: skip
            error = functional.mse_loss(found[: len(z)], z).sqrt()
            said = (
                f", scenes {psnr(decoder, average.module, check):.2f} dB"
                if step % 400 == 0 or not on_pairs
                else ""
            )
            print(f"{step}: loss {loss.item():.4f}, latents off by {error:.3f}{said}, {time.monotonic() - began:.0f} s",
                  flush=True)  # fmt: skip
    return average.module.eval()


def convert(encoder: nn.Module, model: Path, bits: int) -> None:
    """Write the package beside the other parts of each variant."""
    converted = _convert(
        VaeEncoder(encoder), {"x": (torch.randn(1, 3, 128, 128), np.float16)}, ["latent"]
    )
    converted.input_description["x"] = "Picture in [-1,1], channels first"
    converted.output_description["latent"] = "Mean and log variance of latents divided by 0.18215"
    if bits < 16:
        converted = palettize(converted, bits)
    describe(converted)
    for variant in (model / word for word in ATTENTIONS if (model / word).is_dir()):
        target = (
            variant / "packages" / f"Stable_Diffusion_version_{MODEL_VERSION}_vae_encoder.mlpackage"
        )
        shutil.rmtree(target, ignore_errors=True)
        converted.save(str(target))
        print(target, sum(file.stat().st_size for file in target.rglob("*") if file.is_file()))


def main() -> None:
    """Train, then convert."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--pair-steps", type=int, default=800)
    parser.add_argument("--scene-steps", type=int, default=40)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--bits", type=int, default=6)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    decoder = load_decoder(package(options.model, "vae_decoder"))
    with np.load(options.pairs) as file:
        pairs = Pairs(torch.from_numpy(file["z"]).float(), file["pictures"])
    with torch.no_grad():
        again = ((decoder(pairs.latents[:4] / SCALING) / 2 + 0.5).clamp(0, 1) * 255).round()
    off = np.abs(again.permute(0, 2, 3, 1).numpy() - pairs.pictures[:4]).mean()
    print(f"The decoder in torch is off by {off:.3f} of 255 in the mean.", flush=True)
    steps = Steps(options.pair_steps, options.scene_steps)
    encoder = train(decoder, pairs, options.run, steps, options.rate)
    convert(encoder, options.model, options.bits)


if __name__ == "__main__":
    main()
