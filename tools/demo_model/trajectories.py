"""How the demo model draws, as what `distill.py` learns from: latents at a few noise levels, on the way to a picture.

`draw` walks from noise to latents with guidance along the levels of `TIMESTEPS` and keeps the latents at these.
Captions are as in training but of every combination: the pictures are the teacher's own, not rendered ones.
"""

from __future__ import annotations

import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from random import Random

import numpy as np
import scenes
import torch
from networks import Denoiser, alphas_cumprod
from packaged import load_denoiser, package
from tokenizer import LENGTH, load_tokenizer
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from sdq_core.values.variants import ComputeUnit
from worker.runtimes.choice import choose_runtime
from worker.runtimes.contract import LoadedModel

TIMESTEPS = (999, 749, 499, 249)
"""Four steps of trailing spacing; the last ends without noise."""
SUBSTEPS = 3
"""The teacher's steps in each of the student's."""
GUIDANCE = 3.5
SHARD = 256
TOGETHER = 64
"""Captions at a time, each with and without text."""


def level(timestep: float | None) -> tuple[float, float]:
    """The shares of picture and noise, whose squares sum to 1; None is no noise."""
    if timestep is None:
        return 1.0, 0.0
    a = float(np.interp(timestep, np.arange(1000), alphas_cumprod().numpy()))
    return a**0.5, (1 - a) ** 0.5


def run_package(model: Path, part: str) -> LoadedModel:
    """A packaged part, run by ONNX Runtime."""
    with tempfile.TemporaryDirectory() as cache:
        return choose_runtime(cache=Path(cache), threads=1).load(
            package(model, part), ComputeUnit.ALL
        )


class Texts:
    """Captions and the packaged text encoder's features of them."""

    def __init__(self, model: Path) -> None:
        self.tokenizer = load_tokenizer(model / "tokenizer")
        self.network = run_package(model, "text_encoder")

    def features(self, texts: list[str]) -> Tensor:
        """[B,77,128]."""
        rows = [
            self.network(
                input_ids=np.asarray(
                    [self.tokenizer(t, padding="max_length", max_length=LENGTH, truncation=True).input_ids],
                    np.float32,
                )
            )["last_hidden_state"][0]
            for t in texts
        ]  # fmt: skip
        return torch.from_numpy(np.stack(rows)).float()


def caption_of(rng: Random, scene: scenes.Scene) -> str:
    """A caption in the words of the evaluation, or in any words and with things left unsaid."""
    if rng.random() < 0.4:
        return scenes.plain_caption(scene)
    return scenes.caption(rng, scenes.leave_unsaid(rng, scene, 0.08))


@torch.no_grad()
def walk(teacher: Denoiser, noise: Tensor, context: Tensor, empty: Tensor) -> list[Tensor]:
    """Latents [B,4,16,16] at each of `TIMESTEPS` and without noise: DPM-Solver++ of second order, with guidance."""
    ends = (*TIMESTEPS, 0)
    times = [
        start + (end - start) * i / SUBSTEPS
        for start, end in pairwise(ends)
        for i in range(SUBSTEPS)
    ]
    both = torch.cat([empty.expand_as(context), context])
    x = noise * level(times[0])[1]
    kept, before, before_h = [], None, 0.0
    for number, now in enumerate(times):
        if number % SUBSTEPS == 0:
            kept.append(x)
        alpha, sigma = level(now)
        whole = torch.full((2 * len(x),), float(round(now)))
        with torch.autocast("cpu", torch.bfloat16):
            unsaid, said = teacher(torch.cat([x, x]), whole, both).float().chunk(2)
        clean = alpha * x - sigma * (unsaid + GUIDANCE * (said - unsaid))
        if number + 1 == len(times):
            return [*kept, clean]
        next_alpha, next_sigma = level(times[number + 1])
        h = float(np.log(next_alpha / next_sigma) - np.log(alpha / sigma))
        towards = clean if before is None else clean + (clean - before) * h / (2 * before_h)
        x = next_sigma / sigma * x - next_alpha * float(np.expm1(-h)) * towards
        before, before_h = clean, h
    raise AssertionError


def draw(model: Path, run: Path, shards: int) -> None:
    """Write files of `SHARD` walks: `latents` float16 [N,5,4,16,16], `texts` float16 [N,77,128], `captions`."""
    teacher, texts = load_denoiser(package(model, "unet")).eval(), Texts(model)
    empty, began = texts.features([""]), time.monotonic()
    for index in range(shards):
        target = run / f"walks-{index:03d}.npz"
        if target.exists():
            continue
        rng, generator = Random(50_000 + index), torch.Generator().manual_seed(index)
        captions = [caption_of(rng, scenes.sample_scene(rng, held_out=None)) for _ in range(SHARD)]
        features = texts.features(captions)
        found = []
        for at in range(0, SHARD, TOGETHER):
            noise = torch.randn(TOGETHER, 4, 16, 16, generator=generator)
            found.append(torch.stack(walk(teacher, noise, features[at : at + TOGETHER], empty), 1))
        part = target.with_suffix(".part.npz")
        np.savez(
            part,
            latents=torch.cat(found).half(),
            texts=features.half(),
            captions=np.array(captions),
        )
        part.replace(target)
        print(f"walks {index + 1}/{shards} {time.monotonic() - began:.0f} s", flush=True)


def read(run: Path) -> tuple[Tensor, Tensor]:
    """All walks that are there: latents [N,5,4,16,16] and text features [N,77,128], float16."""
    files = [np.load(path) for path in sorted(run.glob("walks-???.npz"))]
    if not files:
        raise SystemExit(f"{run} has no walks: run `distill.py draw` first")
    return tuple(
        torch.from_numpy(np.concatenate([f[name] for f in files])) for name in ("latents", "texts")
    )  # type: ignore[return-value]
