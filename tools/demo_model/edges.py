"""Train `demo-edges`, a small ControlNet that makes the model of few steps follow edges, and convert it.

    python edges.py data    --model ../../sdq_core/demo_model --run RUN     # scenes with their exact edges
    python edges.py train   --model ../../sdq_core/demo_model --run RUN     # beside the student of distill.py
    python edges.py convert --model ../../sdq_core/demo_model --run RUN     # writes controlnet/ there

The distilled U-Net stays as it is. For rendered scenes whose latents are noisy as before one of its four steps, the
ControlNet learns what to add so that the step leads to the scene. When restarted, `train` goes on.
"""

from __future__ import annotations

import argparse
import shutil
import time
from pathlib import Path
from random import Random

import numpy as np
import outlines
import scenes
import torch
from convert import RESIDUALS, TableTimesteps, _convert, describe, palettize
from diffusers.models.embeddings import Timesteps
from networks import LATENT_SIDE, SCALING, TEXT_WIDTH, TOKENS, Denoiser, parameter_count
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its usual name
from train import Average, cosine, load, log, save, to_tensor
from trajectories import TIMESTEPS, Texts, caption_of, level, run_package

BATCH = 16
CHANNELS = (64, 96, 128)
SCENES = 2048
"""As many are drawn one after another, so fewer are other ones."""
HELD = 64

Picture = NDArray[np.uint8]


class Block(nn.Module):
    """Two convolutions beside what they change, told of time and text by scale and shift."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(8, channels), nn.GroupNorm(8, channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.told = nn.Linear(128, 2 * channels)

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        scale, shift = self.told(told)[:, :, None, None].chunk(2, dim=1)
        h = self.conv1(F.silu(self.norm1(x)))
        result: Tensor = x + self.conv2(F.silu(self.norm2(h) * (1 + scale) + shift))
        return result


def _nothing(channels: int, out: int) -> nn.Conv2d:
    conv = nn.Conv2d(channels, out, 1)
    nn.init.zeros_(conv.weight)
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    return conv


class EdgeNet(nn.Module):
    """Edges, noisy latents, time and text to what the U-Net's seven connections get added; at first nothing.

    Not a copy of the U-Net's first half as in the paper: a smaller one, which has nothing to learn from that.
    """

    def __init__(self) -> None:
        super().__init__()
        a, b, c = CHANNELS
        self.look = nn.Sequential(
            nn.Conv2d(3, 16, 3, stride=2, padding=1), nn.SiLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.SiLU(),
            nn.Conv2d(32, a, 3, stride=2, padding=1), nn.SiLU(),
        )  # fmt: skip
        self.time_proj = TableTimesteps(Timesteps(32, True, 0))
        self.time, self.text = nn.Linear(32, 128), nn.Linear(TEXT_WIDTH, 128)
        self.both = nn.Linear(128, 128)
        self.enter = nn.Conv2d(4 + a, a, 3, padding=1)
        self.blocks = nn.ModuleList([Block(a), Block(a), Block(b), Block(c)])
        self.downs = nn.ModuleList(
            [nn.Conv2d(a, b, 3, stride=2, padding=1), nn.Conv2d(b, c, 3, stride=2, padding=1)]
        )
        self.outs = nn.ModuleList(
            [_nothing(n, out) for n, out in
             ((a, 32), (a, 32), (b, 32), (b, 64), (c, 64), (c, 128), (c, 128))]
        )  # fmt: skip

    def forward(
        self, sample: Tensor, timestep: Tensor, last: Tensor, edges: Tensor
    ) -> list[Tensor]:
        """`sample` [B,4,16,16], `timestep` [B] whole, `last` [B,128] the text's last token, `edges` [B,3,128,128]."""
        told = F.silu(self.time(self.time_proj(timestep)) + self.text(last))
        told = F.silu(self.both(told))
        x0 = self.blocks[0](self.enter(torch.cat([sample, self.look(edges)], dim=1)), told)
        x1 = self.blocks[1](x0, told)
        y0 = self.downs[0](x1)
        y1 = self.blocks[2](y0, told)
        z0 = self.downs[1](y1)
        z1 = self.blocks[3](z0, told)
        return [out(x) for out, x in zip(self.outs, (x0, x1, y0, y1, z0, z1, z1), strict=True)]


def followed(
    student: Denoiser, residuals: list[Tensor], x: Tensor, t: Tensor, texts: Tensor
) -> Tensor:
    """The velocity that the U-Net predicts with what is added to its connections."""
    result: Tensor = student.unet(
        torch.cat([x, student.maps.expand(len(x), -1, -1, -1)], dim=1),  # type: ignore[operator]
        t,
        texts,
        class_labels=texts[:, -1],
        down_block_additional_residuals=tuple(residuals[:-1]),
        mid_block_additional_residual=residuals[-1],
    ).sample
    return result


def draw_scenes(count: int) -> tuple[list[str], list[tuple[Picture, Picture]]]:
    """The scenes of the training: their captions, and picture [128,128,3] and edges [128,128] of each, uint8."""
    rng = Random(60_000)
    drawn = [scenes.sample_scene(rng) for _ in range(count)]
    painted = [outlines.draw(rng, scene) for scene in drawn]
    return [caption_of(rng, scene) for scene in drawn], painted


def draw_data(model: Path, run: Path, count: int) -> None:
    """Write `scenes.npz`: `latents` float16 [N,4,16,16] of unit deviation, `edges` packed bits, `texts` float16."""
    texts, encoder = Texts(model), run_package(model, "vae_encoder")
    captions, painted = draw_scenes(count)
    encoded = [
        encoder(x=to_tensor(picture[None]).numpy())["latent"][0, :4] for picture, _ in painted
    ]
    latents = torch.from_numpy(np.stack(encoded)) * SCALING
    np.savez(
        run / "scenes.npz",
        latents=latents.half(),
        edges=np.packbits(np.stack([edges > 0 for _, edges in painted]), axis=-1),
        texts=texts.features(captions).half(),
    )
    log(run, f"{count} scenes with edges, latents deviate by {float(latents.std()):.3f}")


def train(run: Path, steps: int, rate: float) -> None:
    """Train the ControlNet; the first `HELD` scenes only measure."""
    student = Denoiser().eval().requires_grad_(False)
    student.load_state_dict(torch.load(run / "student.pt")["average"])
    net = EdgeNet().train()
    average = Average(net, 0.998)
    optimizer = torch.optim.AdamW(net.parameters(), lr=rate, betas=(0.9, 0.99), weight_decay=0.01)
    path, step = run / "edges.pt", 0
    if state := load(path, torch.device("cpu")):
        net.load_state_dict(state["model"])
        average.module.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        step = state["step"]
    with np.load(run / "scenes.npz") as file:
        latents, edges, texts = (torch.from_numpy(file[n]) for n in ("latents", "edges", "texts"))
    levels = torch.tensor([level(t) for t in TIMESTEPS])
    rng, began, losses = np.random.default_rng(step), time.monotonic(), []

    def loss_of(module: nn.Module, chosen: Tensor) -> Tensor:
        index = torch.arange(len(chosen)) % len(TIMESTEPS)
        alpha, sigma = (levels[index, i].view(-1, 1, 1, 1) for i in (0, 1))
        clean, states = latents[chosen].float(), texts[chosen].float()
        noise, times = torch.randn_like(clean), torch.tensor(TIMESTEPS)[index]
        x = alpha * clean + sigma * noise
        lines = torch.from_numpy(np.unpackbits(edges[chosen].numpy(), axis=-1)).float()
        pictures = lines[:, None].expand(-1, 3, -1, -1)
        found = followed(student, module(x, times, states[:, -1], pictures), x, times, states)
        return F.mse_loss(found, alpha * noise - sigma * clean)

    log(
        run,
        f"edges: {parameter_count(net) / 1e6:.2f} M parameters, {len(latents)} scenes, step {step} to {steps}",
    )
    while step < steps:
        for group in optimizer.param_groups:
            group["lr"] = cosine(step, steps, rate, 100)
        loss = loss_of(net, torch.from_numpy(rng.integers(HELD, len(latents), size=BATCH)))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        step += 1
        average.update(net, step)
        if step % 50 == 0:
            log(
                run,
                f"edges {step}/{steps} loss {np.mean(losses[-50:]):.4f} {time.monotonic() - began:.0f} s",
            )
        if step % 100 == 0 or step == steps:
            save(path, {"model": net.state_dict(), "average": average.module.state_dict(),
                        "optimizer": optimizer.state_dict(), "step": step})  # fmt: skip


class Exported(nn.Module):
    """The ControlNet over Apple's interface."""

    def __init__(self, net: EdgeNet) -> None:
        super().__init__()
        self.net = net

    def forward(
        self,
        sample: Tensor,
        timestep: Tensor,
        encoder_hidden_states: Tensor,
        controlnet_cond: Tensor,
    ) -> tuple[Tensor, ...]:
        last = encoder_hidden_states[:, :, 0, TOKENS - 1]
        return tuple(self.net(sample, (timestep + 0.5).int(), last, controlnet_cond))


def convert(model: Path, run: Path, bits: int) -> None:
    """Write the averaged ControlNet's package into the demo model's `controlnet/demo-edges/`."""
    net = EdgeNet()
    net.load_state_dict(torch.load(run / "edges.pt")["average"])
    inputs = {
        "sample": (torch.randn(1, 4, LATENT_SIDE, LATENT_SIDE), np.float16),
        "timestep": (torch.full((1,), 981.0), np.float16),
        "encoder_hidden_states": (torch.randn(1, TEXT_WIDTH, 1, TOKENS), np.float16),
        "controlnet_cond": (torch.rand(1, 3, 128, 128), np.float16),
    }
    converted = _convert(Exported(net.eval()), inputs, list(RESIDUALS))
    if bits < 16:
        converted = palettize(converted, bits)
    describe(converted)
    target = model / "controlnet" / "demo-edges" / "ControlNet_demo-edges.mlpackage"
    shutil.rmtree(target, ignore_errors=True)
    converted.save(str(target))
    size = sum(f.stat().st_size for f in target.rglob("*") if f.is_file())
    print(f"{target.name}: {size / 1e6:.2f} MB")


def main() -> None:
    """Run one stage."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stage", choices=("data", "train", "convert"))
    parser.add_argument("--model", type=Path, required=True, help="the demo model")
    parser.add_argument("--run", type=Path, required=True, help="folder with student.pt")
    parser.add_argument("--scenes", type=int, default=SCENES)
    parser.add_argument("--steps", type=int, default=1600)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--bits", type=int, default=6)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.stage == "data":
        draw_data(options.model, options.run, options.scenes)
    elif options.stage == "train":
        train(options.run, options.steps, options.rate)
    else:
        convert(options.model, options.run, options.bits)


if __name__ == "__main__":
    main()
