"""Train the demo model from nothing, in stages that each resume from their last checkpoint.

    python train.py data   --run RUN       # draw the pictures (shards of uint8)
    python train.py vae    --run RUN       # pictures <-> latents
    python train.py text   --run RUN       # text encoder, on attribute labels
    python train.py latents --run RUN      # encode all pictures once
    python train.py decoder --run RUN      # latents -> pictures for longer; the latents stay as they are
    python train.py unet   --run RUN       # the denoiser, on latents and text features
    python train.py safety --run RUN       # the stand-in safety checker, on pictures
    python train.py judge  --run RUN       # the classifier that evaluate.py asks

Everything is written below RUN, never into the repository. Stop a stage at any time; the same command goes on from
the last checkpoint. Giving `unet` a larger --steps later extends its cosine schedule.
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import scenes
import torch
from judge import Judge, judge_accuracy
from networks import (
    TEXT_WIDTH,
    Denoiser,
    alphas_cumprod,
    build_text_encoder,
    build_vae,
    parameter_count,
)
from numpy.typing import NDArray
from safety import CONCEPT, StandInChecker, checker_input
from tokenizer import LENGTH, load_tokenizer
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its usual name

SHARD = 4096
SHARDS = 14


def log(run: Path, line: str) -> None:
    """Print a line and keep it in the run's log."""
    stamped = f"{time.strftime('%H:%M:%S')} {line}"
    print(stamped, flush=True)
    with (run / "log.txt").open("a") as file:
        file.write(stamped + "\n")


def save(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint in one step: an interrupted write must not destroy the last good one."""
    torch.save(state, path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)


def load(path: Path, device: torch.device) -> dict[str, Any] | None:
    """Read a checkpoint, or None where there is none."""
    return torch.load(path, map_location=device) if path.exists() else None


class Average:
    """An exponential moving average of a module's weights, with the usual ramp while there are few steps."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.module, self.decay = copy.deepcopy(module).eval().requires_grad_(False), decay

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        decay = min(self.decay, (1 + step) / (10 + step))
        ours = list(self.module.parameters())
        torch._foreach_lerp_(ours, [p.detach() for p in module.parameters()], 1 - decay)


def cosine(step: int, steps: int, peak: float, warmup: int, floor: float = 0.02) -> float:
    """Learning rate: linear warm-up, then a cosine down to `floor` of the peak."""
    if step < warmup:
        return peak * (step + 1) / warmup
    share = min(1.0, (step - warmup) / max(1, steps - warmup))
    return peak * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * share)))


# --- data -----------------------------------------------------------------------------------------------------------


def draw_data(run: Path, shards: int) -> None:
    """Draw `shards` files of pictures [4096,128,128,3] uint8 with labels [4096,9]."""
    for index in range(shards):
        target = run / f"pictures-{index:02d}.npz"
        if target.exists():
            continue
        rng = Random(index)
        drawn = [scenes.sample_scene(rng) for _ in range(SHARD)]
        pictures = np.stack([scenes.draw(rng, scene) for scene in drawn])
        rows = np.array([scenes.labels(scene) for scene in drawn], dtype=np.int8)
        part = target.with_suffix(".part.npz")
        np.savez(part, pictures=pictures, labels=rows)
        part.replace(target)
        log(run, f"data shard {index + 1}/{shards}")


def read_shard(run: Path, index: int) -> tuple[NDArray[np.uint8], NDArray[np.int8]]:
    """Read one file of pictures and labels."""
    with np.load(run / f"pictures-{index:02d}.npz") as file:
        return file["pictures"], file["labels"]


def shard_count(run: Path) -> int:
    """Count the picture files that are there."""
    return len(list(run.glob("pictures-??.npz")))


def to_tensor(pictures: NDArray[np.uint8]) -> Tensor:
    """[B,H,W,3] uint8 to [B,3,H,W] in [-1,1]."""
    return torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1


# --- VAE ------------------------------------------------------------------------------------------------------------


def _gradient_loss(ours: Tensor, theirs: Tensor) -> Tensor:
    dx = (ours[..., 1:] - ours[..., :-1]) - (theirs[..., 1:] - theirs[..., :-1])
    dy = (ours[..., 1:, :] - ours[..., :-1, :]) - (theirs[..., 1:, :] - theirs[..., :-1, :])
    return dx.abs().mean() + dy.abs().mean()


def picture_psnr(vae: nn.Module, pictures: Tensor) -> float:
    """Round-trip PSNR in dB on pictures in [-1,1], as the mean over pictures."""
    with torch.no_grad():
        back = vae.decode(vae.encode(pictures).latent_dist.mean).sample.clamp(-1, 1)  # type: ignore[operator]
    mse = (((back - pictures) / 2) ** 2).mean(dim=(1, 2, 3))
    return float((-10 * torch.log10(mse)).mean())


def _held_out_pictures() -> Tensor:
    held = Random(10_001)
    drawn = [scenes.draw(held, scenes.sample_scene(held, held_out=None)) for _ in range(32)]
    return to_tensor(np.stack(drawn))


def train_vae(run: Path, steps: int, full_share: float, device: torch.device) -> None:
    """Train on 64x64 crops first (cheap), on whole pictures for the last `full_share` of the steps."""
    vae = build_vae().to(device, memory_format=torch.channels_last).train()
    # measured on a Zen 4 core, with channels last: 0.12 s a step instead of 0.21; the denoiser gains nothing by either
    autocast = torch.autocast(device.type, torch.bfloat16)
    average = Average(vae, 0.998)
    optimizer = torch.optim.AdamW(vae.parameters(), lr=2e-3, betas=(0.9, 0.99), weight_decay=1e-4)
    path, step = run / "vae.pt", 0
    if state := load(path, device):
        vae.load_state_dict(state["model"])
        average.module.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        step = state["step"]
    check = _held_out_pictures().to(device)
    log(run, f"vae: {parameter_count(vae) / 1e6:.2f} M parameters, from step {step} to {steps}")
    rng = np.random.default_rng(step)
    pictures, began = None, time.monotonic()
    while step < steps:
        if pictures is None or step % 250 == 0:
            pictures, _ = read_shard(run, int(rng.integers(shard_count(run))))
        whole = step >= steps * (1 - full_share)
        chosen = rng.integers(len(pictures), size=4 if whole else 8)
        if whole:
            batch = pictures[chosen]
        else:
            ys, xs = rng.integers(65, size=(2, 8))
            batch = np.stack(
                [
                    pictures[i, y : y + 64, x : x + 64]
                    for i, y, x in zip(chosen, ys, xs, strict=True)
                ]
            )
        x = to_tensor(batch).to(device)
        for group in optimizer.param_groups:
            group["lr"] = cosine(step, steps, 2e-3, 100)
        with autocast:
            posterior = vae.encode(x).latent_dist
            y = vae.decode(posterior.sample()).sample.float()
        loss = (
            F.l1_loss(y, x)
            + 2 * F.mse_loss(y, x)
            + 0.5 * _gradient_loss(y, x)
            + 2e-4 * posterior.kl().float().mean() / (x.shape[-1] ** 2 / 64)
        )
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimizer.step()
        step += 1
        average.update(vae, step)
        if step % 250 == 0 or step == steps:
            save(path, {"model": vae.state_dict(), "average": average.module.state_dict(),
                        "optimizer": optimizer.state_dict(), "step": step})  # fmt: skip
            log(run, f"vae {step}/{steps} loss {loss.item():.4f} held-out {picture_psnr(average.module, check):.2f} dB "
                     f"{time.monotonic() - began:.0f} s")  # fmt: skip


def load_vae(run: Path, device: torch.device) -> nn.Module:
    """The averaged VAE of a run."""
    vae = build_vae().to(device)
    state = load(run / "vae.pt", device)
    if state is None:
        raise SystemExit(f"{run / 'vae.pt'} is missing: run the vae stage first")
    vae.load_state_dict(state["average"])
    return vae.eval().requires_grad_(False)


def encode_latents(run: Path, device: torch.device) -> None:
    """Encode every picture once: latents float16 [N,4,16,16], and their mean and deviation per channel."""
    vae, latents, rows = load_vae(run, device).to(memory_format=torch.channels_last), [], []  # type: ignore[call-overload]
    for index in range(shard_count(run)):
        pictures, labels = read_shard(run, index)
        # small batches stay in the cache: 3.4 ms a picture instead of 10 in float32, batches of 64
        with torch.no_grad(), torch.autocast(device.type, torch.bfloat16):
            for at in range(0, len(pictures), 16):
                x = to_tensor(pictures[at : at + 16]).to(device, memory_format=torch.channels_last)
                z = vae.encode(x).latent_dist.mean  # type: ignore[operator]
                latents.append(z.half().cpu().numpy())
        rows.append(labels)
        log(run, f"latents shard {index + 1}/{shard_count(run)}")
    z = np.concatenate(latents)
    sample = z[:8192].astype(np.float64)
    mean, std = sample.mean(axis=(0, 2, 3)), sample.std(axis=(0, 2, 3))
    np.savez(run / "latents.npz", latents=z, labels=np.concatenate(rows), mean=mean, std=std)
    log(run, f"latents {z.shape} mean {mean.round(3)} std {std.round(3)}")


def train_decoder(run: Path, steps: int, device: torch.device) -> None:
    """Train the VAE's decoder alone, on whole pictures: the encoder is what the denoiser's latents depend on.

    Beside the denoiser's training, for which the latents are fixed; a little noise on them, because the denoiser's own
    are not exact either.
    """
    vae = build_vae().to(device, memory_format=torch.channels_last)
    path, step = run / "decoder.pt", 0
    state = load(path, device) or load(run / "vae.pt", device)
    if state is None:
        raise SystemExit(f"{run / 'vae.pt'} is missing: run the vae stage first")
    vae.load_state_dict(state["model"])
    average = Average(vae, 0.999)
    average.module.load_state_dict(state["average"])
    vae.encoder.requires_grad_(False)
    vae.quant_conv.requires_grad_(False)
    parameters = [p for p in vae.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, betas=(0.9, 0.99), weight_decay=1e-4)
    if path.exists():
        optimizer.load_state_dict(state["optimizer"])
        step = state["step"]
    with np.load(run / "latents.npz") as file:
        latents = file["latents"]
        deviation = torch.from_numpy(file["std"]).float().view(1, 4, 1, 1).to(device)
    check = _held_out_pictures().to(device)
    log(
        run,
        f"decoder: {parameter_count(vae.decoder) / 1e6:.2f} M parameters, step {step} to {steps}",
    )
    rng = np.random.default_rng(step)
    autocast = torch.autocast(device.type, torch.bfloat16)
    pictures, shard, began = None, 0, time.monotonic()
    while step < steps:
        if pictures is None or step % 500 == 0:
            shard = int(rng.integers(shard_count(run)))
            pictures, _ = read_shard(run, shard)
        chosen = rng.integers(len(pictures), size=4)
        x = to_tensor(pictures[chosen]).to(device)
        z = torch.from_numpy(latents[shard * SHARD + chosen]).float().to(device)
        z = z + 0.05 * deviation * torch.randn_like(z)
        for group in optimizer.param_groups:
            group["lr"] = cosine(step, steps, 1e-3, 200)
        with autocast:
            y = vae.decode(z.contiguous(memory_format=torch.channels_last)).sample.float()
        loss = F.l1_loss(y, x) + 2 * F.mse_loss(y, x) + 0.5 * _gradient_loss(y, x)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        step += 1
        average.update(vae, step)
        if step % 500 == 0 or step == steps:
            save(path, {"model": vae.state_dict(), "average": average.module.state_dict(),
                        "optimizer": optimizer.state_dict(), "step": step})  # fmt: skip
            psnr = picture_psnr(average.module, check)
            took_s = time.monotonic() - began
            log(
                run,
                f"decoder {step}/{steps} loss {loss.item():.4f} held-out {psnr:.2f} dB {took_s:.0f} s",
            )


# --- text encoder ---------------------------------------------------------------------------------------------------


class Reader(nn.Module):
    """Reads the attributes off text features with one linear layer each, from the last token."""

    def __init__(self) -> None:
        super().__init__()
        self.heads = nn.ModuleList(nn.Linear(TEXT_WIDTH, size) for size in scenes.LABEL_SIZES)

    def forward(self, feature: Tensor) -> list[Tensor]:
        return [head(feature) for head in self.heads]


class Captioner:
    """Draws captions for scenes and turns them into token ids."""

    def __init__(self, run: Path, seed: int) -> None:
        self.tokenizer, self.rng = load_tokenizer(run / "tokenizer"), Random(seed)
        self.words: dict[str, list[int]] = {}

    def ids(self, texts: list[str]) -> Tensor:
        """Token ids [B,77], padded with the end token. Words are tokenized once each: this runs in every step."""
        start, end = self.tokenizer.bos_token_id, self.tokenizer.eos_token_id
        rows = np.full((len(texts), LENGTH), end, dtype=np.int64)
        for row, text in zip(rows, texts, strict=True):
            ids = [start]
            for word in text.replace(",", " ,").split():
                if word not in self.words:
                    self.words[word] = self.tokenizer(word, add_special_tokens=False).input_ids
                ids += self.words[word]
            ids = ids[: LENGTH - 1]
            row[: len(ids)] = ids
        return torch.from_numpy(rows)

    def pair(self, scene: scenes.Scene, empty: float) -> tuple[str, list[int]]:
        """A caption and the labels of what it says; with probability `empty` it says nothing."""
        if self.rng.random() < empty:
            return "", [0] * len(scenes.LABEL_SIZES)
        said = scenes.leave_unsaid(self.rng, scene, 0.08)
        return scenes.caption(self.rng, said), scenes.labels(said)


def train_text(run: Path, steps: int, device: torch.device) -> None:
    """Teach the text encoder to say what a caption says: the denoiser cannot learn it from pictures alone in hours."""
    captions = Captioner(run, seed=1)
    encoder = build_text_encoder(len(captions.tokenizer)).to(device)
    reader = Reader().to(device)
    parameters = [*encoder.parameters(), *reader.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, betas=(0.9, 0.98), weight_decay=0.01)
    path, step = run / "text.pt", 0
    if state := load(path, device):
        encoder.load_state_dict(state["model"])
        reader.load_state_dict(state["reader"])
        optimizer.load_state_dict(state["optimizer"])
        step = state["step"]
        captions.rng.seed(1 + step)
    log(
        run, f"text: {parameter_count(encoder) / 1e6:.2f} M parameters, from step {step} to {steps}"
    )
    began = time.monotonic()
    while step < steps:
        pairs = [captions.pair(scenes.sample_scene(captions.rng), 0.03) for _ in range(64)]
        ids = captions.ids([text for text, _ in pairs]).to(device)
        target = torch.tensor([row for _, row in pairs], device=device)
        for group in optimizer.param_groups:
            group["lr"] = cosine(step, steps, 1e-3, 100)
        output = encoder(ids)
        loss = torch.zeros((), device=device)
        for feature in (output.last_hidden_state[:, -1], output.pooler_output):
            for logits, column in zip(reader(feature), target.T, strict=True):
                loss = loss + F.cross_entropy(logits, column)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        step += 1
        if step % 100 == 0 or step == steps:
            save(path, {"model": encoder.state_dict(), "reader": reader.state_dict(),
                        "optimizer": optimizer.state_dict(), "step": step})  # fmt: skip
            seen, new = (
                text_accuracy(captions, encoder, reader, side, device) for side in (False, True)
            )
            log(run, f"text {step}/{steps} loss {loss.item():.4f} all nine right: seen {seen:.3f} held out {new:.3f} "
                     f"{time.monotonic() - began:.0f} s")  # fmt: skip


@torch.no_grad()
def text_accuracy(
    captions: Captioner, encoder: nn.Module, reader: Reader, held_out: bool, device: torch.device
) -> float:
    """Share of 256 captions of which the reader gets every label right."""
    pairs = [
        captions.pair(scenes.sample_scene(captions.rng, held_out=held_out), 0.0) for _ in range(256)
    ]
    feature = encoder(captions.ids([text for text, _ in pairs]).to(device)).last_hidden_state[:, -1]
    guess = torch.stack([logits.argmax(dim=1) for logits in reader(feature)], dim=1).cpu()
    return float((guess == torch.tensor([row for _, row in pairs])).all(dim=1).float().mean())


def load_text(run: Path, device: torch.device) -> tuple[nn.Module, Captioner]:
    """The text encoder of a run, frozen, and a captioner."""
    captions = Captioner(run, seed=2)
    encoder = build_text_encoder(len(captions.tokenizer)).to(device)
    state = load(run / "text.pt", device)
    if state is None:
        raise SystemExit(f"{run / 'text.pt'} is missing: run the text stage first")
    encoder.load_state_dict(state["model"])
    return encoder.eval().requires_grad_(False), captions


# --- U-Net ----------------------------------------------------------------------------------------------------------


@torch.no_grad()
def sample_latents(
    denoiser: Denoiser,
    context: Tensor,
    empty: Tensor,
    seeds: list[int],
    guidance: float = 4.0,
    steps: int = 20,
) -> Tensor:
    """DDIM (Song et al., 2021) with classifier-free guidance: latents [B,4,16,16] of unit deviation."""
    device = context.device
    noise = [np.random.RandomState(seed).randn(1, 4, 16, 16) for seed in seeds]
    x = torch.from_numpy(np.concatenate(noise)).float().to(device)
    a_all = alphas_cumprod().float().to(device)
    times = torch.arange(steps - 1, -1, -1) * (1000 // steps) + 1
    both = torch.cat([empty.expand(len(x), -1, -1), context])
    for t in times.tolist():
        v_empty, v_text = denoiser(
            torch.cat([x, x]), torch.full((2 * len(x),), t, device=device), both
        ).chunk(2)
        v = v_empty + guidance * (v_text - v_empty)
        a = a_all[t]
        before = a_all[t - 1000 // steps] if t >= 1000 // steps else a_all[0]
        clean, eps = a.sqrt() * x - (1 - a).sqrt() * v, a.sqrt() * v + (1 - a).sqrt() * x
        x = before.sqrt() * clean + (1 - before).sqrt() * eps
    return x


def decode(vae: nn.Module, latents: Tensor, mean: Tensor, std: Tensor) -> NDArray[np.uint8]:
    """Unit-deviation latents to pictures [B,128,128,3] uint8."""
    with torch.no_grad():
        pictures = vae.decode(latents * std.view(1, 4, 1, 1) + mean.view(1, 4, 1, 1)).sample  # type: ignore[operator]
    rounded: NDArray[np.uint8] = (
        ((pictures.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    )
    return rounded


def train_unet(run: Path, steps: int, batch: int, rate: float, device: torch.device) -> None:
    """Train the denoiser on velocities, 10 % of the captions empty, with an average of its weights."""
    encoder, captions = load_text(run, device)
    vae = load_vae(run, device)
    with np.load(run / "latents.npz") as file:
        latents, labels = file["latents"], file["labels"]
        mean, std = (torch.from_numpy(file[name]).float().to(device) for name in ("mean", "std"))
    denoiser = Denoiser().to(device).train()
    average = Average(denoiser, 0.9995)
    optimizer = torch.optim.AdamW(
        denoiser.parameters(), lr=rate, betas=(0.9, 0.99), weight_decay=0.01, fused=True
    )
    path, step = run / "unet.pt", 0
    if state := load(path, device):
        denoiser.load_state_dict(state["model"])
        average.module.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        step = state["step"]
    captions.rng.seed(1000 + step)
    rng = np.random.default_rng(step)
    a_all = alphas_cumprod().float().to(device)
    torch.manual_seed(step)
    log(
        run,
        f"unet: {parameter_count(denoiser) / 1e6:.2f} M parameters, {len(latents)} latents, step {step} to {steps}",
    )
    order: Iterator[int] = iter(())
    losses: list[float] = []
    began = time.monotonic()
    while step < steps:
        chosen = []
        while len(chosen) < batch:
            if (index := next(order, None)) is None:
                order = iter(rng.permutation(len(latents)).tolist())
            else:
                chosen.append(index)
        texts = [captions.pair(scenes.scene_of(labels[i].tolist()), 0.1)[0] for i in chosen]
        with torch.no_grad():
            context = encoder(captions.ids(texts).to(device)).last_hidden_state
        x = (
            torch.from_numpy(latents[chosen]).float().to(device) - mean.view(1, 4, 1, 1)
        ) / std.view(1, 4, 1, 1)
        # one timestep in each of `batch` equal ranges: less noise in the gradient than independent ones
        t = (
            ((torch.arange(batch) + torch.rand(batch)) * (1000 / batch))
            .long()
            .clamp(max=999)
            .to(device)
        )
        noise = torch.randn_like(x)
        a = a_all[t].view(-1, 1, 1, 1)
        target = a.sqrt() * noise - (1 - a).sqrt() * x
        for group in optimizer.param_groups:
            group["lr"] = cosine(step, steps, rate, 300)
        loss = F.mse_loss(denoiser(a.sqrt() * x + (1 - a).sqrt() * noise, t, context), target)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(denoiser.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        step += 1
        average.update(denoiser, step)
        if step % 100 == 0:
            log(
                run,
                f"unet {step}/{steps} loss {np.mean(losses[-100:]):.4f} {time.monotonic() - began:.0f} s",
            )
        if step % 250 == 0 or step == steps:
            save(path, {"model": denoiser.state_dict(), "average": average.module.state_dict(),
                        "optimizer": optimizer.state_dict(), "step": step})  # fmt: skip
        if step % 1000 == 0 or step == steps:
            _sample_sheet(run, step, encoder, captions, average.module, vae, mean, std, device)


def _sample_sheet(run: Path, step: int, encoder: nn.Module, captions: Captioner, denoiser: nn.Module, vae: nn.Module,
                  mean: Tensor, std: Tensor, device: torch.device) -> None:  # fmt: skip
    rng = Random(7)
    texts = [scenes.plain_caption(scenes.sample_scene(rng, held_out=i >= 12)) for i in range(16)]
    context = encoder(captions.ids([*texts, ""]).to(device)).last_hidden_state
    latents = sample_latents(denoiser, context[:-1], context[-1:], list(range(16)))  # type: ignore[arg-type]
    scenes.contact_sheet(list(decode(vae, latents, mean, std)), 4).save(
        run / f"samples-{step:06d}.png"
    )


# --- classifiers ----------------------------------------------------------------------------------------------------


def _weathered(pictures: Tensor, rng: np.random.Generator) -> Tensor:
    """Blur and add noise at random: a classifier for drawn pictures must also read the model's softer ones."""
    if rng.random() < 0.5:
        small = int(rng.integers(40, 96))
        pictures = F.interpolate(pictures, size=(small, small), mode="bilinear", antialias=True)
        pictures = F.interpolate(pictures, size=(128, 128), mode="bilinear")
    gain = 1 + 0.1 * torch.randn(len(pictures), 3, 1, 1)
    shift = 0.05 * torch.randn(len(pictures), 3, 1, 1)
    return pictures * gain + shift + 0.03 * torch.randn_like(pictures)


def train_safety(run: Path, steps: int, device: torch.device) -> None:
    """Teach the stand-in checker its one concept; half of every batch shows it."""
    kind, colour = scenes.KINDS.index(CONCEPT[1]) + 1, scenes.COLOURS.index(CONCEPT[0]) + 1
    shown: list[NDArray[np.uint8]] = []
    others: list[NDArray[np.uint8]] = []
    for index in range(shard_count(run)):
        pictures, labels = read_shard(run, index)
        slots = labels[:, 3:].reshape(-1, 3, 2)
        hit = ((slots[..., 0] == kind) & (slots[..., 1] == colour)).any(axis=1)
        near = ((slots[..., 0] == kind) | (slots[..., 1] == colour)).any(axis=1) & ~hit
        shown.append(pictures[hit])
        others += [pictures[near][:400], pictures[~hit & ~near][:300]]
    positive, negative = np.concatenate(shown), np.concatenate(others)
    rng = np.random.default_rng(0)
    negative = negative[rng.permutation(len(negative))]
    checker = StandInChecker().to(device).train()
    optimizer = torch.optim.AdamW([p for p in checker.parameters() if p.requires_grad], lr=1e-3)
    held = to_tensor(np.concatenate([positive[-128:], negative[-384:]])).to(device)
    log(
        run,
        f"safety: {parameter_count(checker) / 1e6:.2f} M, {len(positive)} with, {len(negative)} without",
    )
    for step in range(1, steps + 1):
        chosen = np.concatenate(
            [
                positive[rng.integers(len(positive) - 128, size=12)],
                negative[rng.integers(len(negative) - 384, size=12)],
            ]
        )
        x = checker_input(_weathered(to_tensor(chosen).to(device), rng))
        wanted = torch.tensor([1.0] * 12 + [0.0] * 12, device=device)
        for group in optimizer.param_groups:
            group["lr"] = cosine(step, steps, 1e-3, 100)
        score = checker.cosines(x, checker.concept_embeds[:1])[:, 0] - checker.concept_weights[0]
        loss = F.binary_cross_entropy_with_logits(10 * score, wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 100 == 0 or step == steps:
            with torch.no_grad():
                found = checker.cosines(checker_input(held), checker.concept_embeds[:1])[:, 0] > 0.5
            save(run / "safety.pt", {"model": checker.state_dict(), "step": step})
            log(run, f"safety {step}/{steps} loss {loss.item():.4f} finds {found[:128].float().mean():.3f} "
                     f"falsely {found[128:].float().mean():.3f}")  # fmt: skip


def train_judge(run: Path, steps: int, device: torch.device) -> None:
    """Train the judge on the drawn pictures, roughened, and on scenes of every combination, held-out ones too."""
    judge, rng = Judge().to(device).train(), np.random.default_rng(0)
    optimizer = torch.optim.AdamW(judge.parameters(), lr=2e-3)
    extra = Random(77)
    fresh = [scenes.sample_scene(extra, held_out=True) for _ in range(SHARD // 2)]
    fresh_pictures = np.stack([scenes.draw(extra, scene) for scene in fresh])
    fresh_labels = np.array([scenes.labels(scene) for scene in fresh], dtype=np.int8)
    shards = [read_shard(run, index) for index in range(min(4, shard_count(run)))]
    pictures = np.concatenate([fresh_pictures, *(shard[0] for shard in shards)])
    labels = np.concatenate([fresh_labels, *(shard[1] for shard in shards)])
    log(run, f"judge: {parameter_count(judge) / 1e6:.2f} M parameters")
    for step in range(1, steps + 1):
        chosen = rng.integers(len(pictures), size=32)
        x = _weathered(to_tensor(pictures[chosen]).to(device), rng)
        target = torch.from_numpy(labels[chosen].astype(np.int64)).to(device)
        for group in optimizer.param_groups:
            group["lr"] = cosine(step, steps, 2e-3, 100)
        losses = [
            F.cross_entropy(logits, column)
            for logits, column in zip(judge(x), target.T, strict=True)
        ]
        loss = torch.stack(losses).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 200 == 0 or step == steps:
            save(run / "judge.pt", {"model": judge.state_dict(), "step": step})
            right = judge_accuracy(judge, seed=99, count=200)
            log(run, f"judge {step}/{steps} loss {loss.item():.4f} unseen drawn: "
                     + " ".join(f"{k} {v:.3f}" for k, v in right.items()))  # fmt: skip


def main() -> None:
    """Run one stage."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "stage",
        choices=("data", "vae", "text", "latents", "decoder", "unet", "safety", "judge"),
    )
    parser.add_argument(
        "--run", type=Path, required=True, help="folder for data, checkpoints and logs"
    )
    parser.add_argument("--steps", type=int, help="total steps of the stage")
    parser.add_argument("--batch", type=int, default=16, help="batch of the unet stage")
    parser.add_argument(
        "--rate", type=float, default=1e-3, help="peak learning rate of the unet stage"
    )
    parser.add_argument("--shards", type=int, default=SHARDS, help="files of 4096 pictures to draw")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    device, run = torch.device(options.device), options.run
    run.mkdir(parents=True, exist_ok=True)
    if options.stage == "data":
        draw_data(run, options.shards)
    elif options.stage == "vae":
        train_vae(run, options.steps or 8000, 0.7, device)
    elif options.stage == "text":
        train_text(run, options.steps or 1500, device)
    elif options.stage == "latents":
        encode_latents(run, device)
    elif options.stage == "decoder":
        train_decoder(run, options.steps or 6000, device)
    elif options.stage == "safety":
        train_safety(run, options.steps or 1500, device)
    elif options.stage == "judge":
        train_judge(run, options.steps or 2000, device)
    else:
        train_unet(run, options.steps or 26500, options.batch, options.rate, device)


if __name__ == "__main__":
    main()
