"""Teach the demo model to draw in four steps without guidance, and convert it.

    python distill.py draw    --model ../../sdq_core/demo_model --run RUN     # what the shipped model does
    python distill.py train   --model ../../sdq_core/demo_model --run RUN
    python distill.py convert --model ../../sdq_core/demo_model --run RUN     # writes turbo/ there

The student begins as the teacher. First it learns each step alone, from where the teacher was to where the teacher
went; then whole walks from the noise on, so that it learns from where its own steps end. When restarted, `draw` and
`train` go on. Needs sdq with its `onnx` extra beside requirements.txt.
"""

from __future__ import annotations

import argparse
import shutil
import time
from pathlib import Path

import numpy as np
import torch
from convert import MODEL_VERSION, convert_unet, describe, palettize, write_json
from networks import Denoiser
from packaged import load_denoiser, package
from torch import Tensor, nn
from train import Average, cosine, load, log, save
from trajectories import TIMESTEPS, draw, level, read

SCHEDULER = {
    "_class_name": "EulerDiscreteScheduler",
    "_diffusers_version": "0.35.2",
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "num_train_timesteps": 1000,
    "prediction_type": "epsilon",
    "timestep_spacing": "trailing",
}
BATCH = 16
"""Steps of walks at a time, and then whole walks."""
WALKS = 6
HELD = 64


def jump(velocity: Tensor, x: Tensor, index: int) -> Tensor:
    """Where step `index` of a walk leads from latents `x`: DDIM without noise, which equals Euler's method."""
    (alpha, sigma), (next_alpha, next_sigma) = level(TIMESTEPS[index]), _end(index)
    clean, noise = alpha * x - sigma * velocity, alpha * velocity + sigma * x
    return next_alpha * clean + next_sigma * noise


def target(x: Tensor, wanted: Tensor, index: int) -> Tensor:
    """The velocity whose `jump` leads from `x` to `wanted`."""
    return (wanted - jump(torch.zeros_like(x), x, index)) / reach(index)


def reach(index: int) -> float:
    """How far a unit of velocity leads in step `index`."""
    (alpha, sigma), (next_alpha, next_sigma) = level(TIMESTEPS[index]), _end(index)
    return next_sigma * alpha - next_alpha * sigma


def _end(index: int) -> tuple[float, float]:
    return level(TIMESTEPS[index + 1] if index + 1 < len(TIMESTEPS) else None)


def single_steps(student: Denoiser, latents: Tensor, texts: Tensor) -> Tensor:
    """The loss of one step each; an equal part of the batch [B,5,4,16,16] takes each of the four."""
    x, wanted, times, weights = [], [], [], []
    for index, walks in enumerate(latents.chunk(len(TIMESTEPS))):
        x.append(walks[:, index])
        wanted.append(target(walks[:, index], walks[:, index + 1], index))
        times += [float(TIMESTEPS[index])] * len(walks)
        weights += [abs(reach(index))] * len(walks)
    found = student(torch.cat(x), torch.tensor(times), texts)
    errors = (found - torch.cat(wanted)).square().mean(dim=(1, 2, 3))
    return (errors * torch.tensor(weights)).mean() * 3


def whole_walks(student: Denoiser, latents: Tensor, texts: Tensor) -> Tensor:
    """The loss of four steps after each other: how far they end from the teacher's, the last one counting most."""
    x, loss = latents[:, 0], torch.zeros(())
    for index, timestep in enumerate(TIMESTEPS):
        x = jump(student(x, torch.full((len(x),), float(timestep)), texts), x, index)
        error = (x - latents[:, index + 1]).square().mean()
        loss = loss + error * (1.0 if index + 1 == len(TIMESTEPS) else 0.5)
    return loss


@torch.no_grad()
def distance(student: Denoiser, latents: Tensor, texts: Tensor) -> float:
    """Root mean square between where the student's and the teacher's walks end; latents have unit deviation."""
    x = latents[:, 0]
    for index, timestep in enumerate(TIMESTEPS):
        x = jump(student(x, torch.full((len(x),), float(timestep)), texts), x, index)
    return float((x - latents[:, -1]).square().mean().sqrt())


def train(model: Path, run: Path, steps: int, single: int, rate: float) -> None:
    """Train `steps` steps, the first `single` of them on single steps; the first `HELD` walks only measure."""
    student = load_denoiser(package(model, "unet")).train()
    average = Average(student, 0.998)
    optimizer = torch.optim.AdamW(
        student.parameters(), lr=rate, betas=(0.9, 0.99), weight_decay=0.01, fused=True
    )
    path, step = run / "student.pt", 0
    if state := load(path, torch.device("cpu")):
        student.load_state_dict(state["model"])
        average.module.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        step = state["step"]
    latents, texts = read(run)
    held = latents[:HELD].float(), texts[:HELD].float()
    rng, began, losses = np.random.default_rng(step), time.monotonic(), []
    log(
        run,
        f"{len(latents) - HELD} walks, step {step} to {steps}, off by {distance(average.module, *held):.3f}",
    )
    while step < steps:
        alone = step < single
        chosen = torch.from_numpy(rng.integers(HELD, len(latents), size=BATCH if alone else WALKS))
        for group in optimizer.param_groups:
            group["lr"] = cosine(step, steps, rate, 100)
        loss = (single_steps if alone else whole_walks)(
            student, latents[chosen].float(), texts[chosen].float()
        )
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        step += 1
        average.update(student, step)
        if step % 50 == 0:
            log(
                run,
                f"{step}/{steps} loss {np.mean(losses[-50:]):.4f} {time.monotonic() - began:.0f} s",
            )
        if step % 100 == 0 or step == steps:
            save(path, {"model": student.state_dict(), "average": average.module.state_dict(),
                        "optimizer": optimizer.state_dict(), "step": step})  # fmt: skip
            log(run, f"{step}/{steps} off by {distance(average.module, *held):.3f}")


def convert(model: Path, run: Path, bits: int) -> None:
    """Write the averaged student as the package of a U-Net of batch 1, and its scheduler's settings.

    The U-Net also takes what ControlNets add; given zeros, it is the plain one.
    """
    state = load(run / "student.pt", torch.device("cpu"))
    if state is None:
        raise SystemExit(f"{run / 'student.pt'} is missing: run the train stage first")
    student = Denoiser()
    student.load_state_dict(state["average"])
    converted = convert_unet(student.eval(), "original", batch=1, controlled=True)
    if bits < 16:
        converted = palettize(converted, bits)
    describe(converted)
    folder = model / "turbo"
    unet = f"Stable_Diffusion_version_{MODEL_VERSION}_control-unet.mlpackage"
    target = folder / "packages" / unet
    shutil.rmtree(target, ignore_errors=True)
    converted.save(str(target))
    write_json(folder / "scheduler" / "scheduler_config.json", SCHEDULER)
    size = sum(f.stat().st_size for f in target.rglob("*") if f.is_file())
    print(f"step {state['step']}: {size / 1e6:.2f} MB")


def main() -> None:
    """Run one stage."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stage", choices=("draw", "train", "convert"))
    parser.add_argument("--model", type=Path, required=True, help="the demo model: the teacher")
    parser.add_argument("--run", type=Path, required=True, help="folder of walks and checkpoints")
    parser.add_argument("--shards", type=int, default=6, help="files of 256 walks to draw")
    parser.add_argument("--steps", type=int, default=900)
    parser.add_argument("--single", type=int, default=400, help="steps of the first kind")
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--bits", type=int, default=6)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    options.run.mkdir(parents=True, exist_ok=True)
    if options.stage == "draw":
        draw(options.model, options.run, options.shards)
    elif options.stage == "train":
        train(options.model, options.run, options.steps, options.single, options.rate)
    else:
        convert(options.model, options.run, options.bits)


if __name__ == "__main__":
    main()
