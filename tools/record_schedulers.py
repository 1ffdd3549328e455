"""Record what diffusers' schedulers give, for `tests/pipeline/test_schedulers_golden.py` and `test_later_starts.py`.

    pip install "torch==2.13.*" "diffusers==0.35.*" "transformers<5" scipy "numpy<2.4"
    python tools/record_schedulers.py

Each case walks a small latent through a scheduler as Apple's pipeline does: float16 latents from a NumPy seed, times
`init_noise_sigma`, float32 predictions. The network is `toy_noise` below, which the test repeats. A scheduler's own
noise is drawn from the latents' `RandomState`, one `randn` per step, in place of torch's generator.

`tests/golden/schedulers.npz`: `cases`, JSON with a configuration, a scheduler and a step count each; `timesteps`,
`samples` and `sigmas` (init_noise_sigma), the cases' numbers one after another.

TCD's cases have their `eta`.

`tests/golden/later_starts.npz`: walks of a `strength`, as in image to image: from `ORIGINAL_SEED`'s latents with the
noise of `SEED`. `samples` are the latents at the beginning, then those after each step. PNDM and LMS have the latents
alone, because diffusers goes on wrongly from there. LCM and TCD begin as their `set_timesteps(strength=)` says, the
others as StableDiffusionImg2ImgPipeline does.
"""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from diffusers.schedulers import (
    scheduling_dpmsolver_multistep,
    scheduling_euler_ancestral_discrete,
    scheduling_lcm,
    scheduling_tcd,
)

SHAPE = (1, 4, 2, 2)
STEPS = (1, 2, 5, 20, 50)
SEED = 93
ORIGINAL_SEED = 7
GOLDEN = Path(__file__).parent.parent / "tests" / "golden"
TARGET = GOLDEN / "schedulers.npz"
LATER = GOLDEN / "later_starts.npz"
VERSIONS = f"diffusers {diffusers.__version__}, torch {torch.__version__}"

#: The files of Stable Diffusion 1.4/1.5 and 2.1, and others that differ from them in one respect.
SD1 = {
    "_class_name": "PNDMScheduler",
    "_diffusers_version": "0.8.0",
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "num_train_timesteps": 1000,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "trained_betas": None,
    "clip_sample": False,
}
SD2_V = {
    **SD1,
    "_class_name": "DDIMScheduler",
    "prediction_type": "v_prediction",
}
EULER = {
    "_class_name": "EulerDiscreteScheduler",
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "interpolation_type": "linear",
    "num_train_timesteps": 1000,
    "prediction_type": "epsilon",
    "timestep_spacing": "leading",
    "steps_offset": 1,
    "use_karras_sigmas": False,
}
#: Of LCM_Dreamshaper_v7, and of sd-turbo and the merged SDXL-Lightning.
LCM = {
    **SD1,
    "_class_name": "LCMScheduler",
    "original_inference_steps": 50,
    "prediction_type": "epsilon",
    "rescale_betas_zero_snr": False,
    "set_alpha_to_one": True,
    "timestep_scaling": 10.0,
    "timestep_spacing": "leading",
}
TCD = {**LCM, "_class_name": "TCDScheduler"}
TURBO = {**EULER, "timestep_spacing": "trailing"}
#: The steps of models that need few.
FEW = (1, 2, 4, 8)
EVERY = (
    "DDIM",
    "DPMSolverMultistep",
    "EulerAncestralDiscrete",
    "EulerDiscrete",
    "LMSDiscrete",
    "PNDM",
)

#: (name, configuration, the schedulers to use it for, whether StableDiffusionPipeline corrects it first)
CONFIGS: list[tuple[str, dict[str, Any], tuple[str, ...], bool]] = [
    ("Stable Diffusion 1", SD1, EVERY, True),
    ("Stable Diffusion 2.1, v prediction", SD2_V, EVERY, True),
    ("written for Euler, leading", EULER, EVERY, True),
    ("nothing stated", {"_class_name": "DDIMScheduler"}, EVERY, False),
    (
        "outdated: offset 0 and clipping",
        {**SD1, "steps_offset": 0, "clip_sample": True},
        EVERY,
        True,
    ),
    ("trailing", {**SD1, "timestep_spacing": "trailing"}, EVERY, True),
    ("linspace", {**SD1, "timestep_spacing": "linspace"}, EVERY, True),
    (
        "cosine",
        {**SD1, "beta_schedule": "squaredcos_cap_v2", "lambda_min_clipped": -5.1},
        EVERY,
        True,
    ),
    ("Karras", {**SD1, "use_karras_sigmas": True}, EVERY[1:5], True),
    (
        "Karras, cosine",
        {**SD1, "use_karras_sigmas": True, "beta_schedule": "squaredcos_cap_v2"},
        EVERY[1:5],
        True,
    ),
    (
        "Karras within bounds",
        {**SD1, "use_karras_sigmas": True, "sigma_min": 0.05, "sigma_max": 12.0},
        EVERY[1:5],
        True,
    ),
    ("exponential", {**SD1, "use_exponential_sigmas": True}, EVERY[1:5], True),
    (
        "own betas",
        {
            **SD1,
            "trained_betas": [0.001 + 0.0001 * i for i in range(200)],
            "num_train_timesteps": 200,
        },
        EVERY,
        True,
    ),
    (
        "sample prediction",
        {**SD1, "prediction_type": "sample"},
        ("DDIM", "DPMSolverMultistep", "EulerDiscrete", "LMSDiscrete"),
        True,
    ),
    ("clipping kept", {**SD1, "clip_sample": True, "clip_sample_range": 1.5}, ("DDIM",), False),
    ("alpha to one", {**SD1, "set_alpha_to_one": True}, ("DDIM", "PNDM"), True),
    ("Runge-Kutta", {**SD1, "skip_prk_steps": False}, ("PNDM",), True),
    ("Runge-Kutta, v prediction", {**SD2_V, "skip_prk_steps": False}, ("PNDM",), True),
    (
        "zero terminal SNR",
        {**SD2_V, "rescale_betas_zero_snr": True, "timestep_spacing": "trailing"},
        EVERY[:4],
        True,
    ),
    ("log-linear", {**EULER, "interpolation_type": "log_linear"}, ("EulerDiscrete",), True),
    (
        "continuous v",
        {**EULER, "timestep_type": "continuous", "prediction_type": "v_prediction"},
        ("EulerDiscrete",),
        True,
    ),
    (
        "ends at sigma_min",
        {**SD1, "final_sigmas_type": "sigma_min"},
        ("EulerDiscrete", "DPMSolverMultistep"),
        True,
    ),
    ("Lu's lambdas", {**SD1, "use_lu_lambdas": True}, ("DPMSolverMultistep",), True),
    (
        "Euler at the end",
        {**SD1, "euler_at_final": True, "final_sigmas_type": "sigma_min"},
        ("DPMSolverMultistep",),
        True,
    ),
    (
        "no lower order at the end",
        {**SD1, "lower_order_final": False, "final_sigmas_type": "sigma_min"},
        ("DPMSolverMultistep",),
        True,
    ),
    (
        "deis, read as DPM",
        {
            **SD1,
            "algorithm_type": "deis",
            "solver_type": "logrho",
            "final_sigmas_type": "sigma_min",
        },
        ("DPMSolverMultistep",),
        True,
    ),
    *[
        (
            f"{algorithm} order {order} {solver} {prediction}",
            {
                **SD1,
                "algorithm_type": algorithm,
                "solver_order": order,
                "solver_type": solver,
                "prediction_type": prediction,
                "final_sigmas_type": "sigma_min",
            },
            ("DPMSolverMultistep",),
            True,
        )
        for algorithm in ("dpmsolver++", "dpmsolver", "sde-dpmsolver++", "sde-dpmsolver")
        for order in (1, 2, 3)
        for solver in ("midpoint", "heun")
        for prediction in ("epsilon", "v_prediction", "sample")
        # One prediction type per solver is enough beyond order 2; sde-dpmsolver has no order 3 in diffusers.
        if (order == 2 or (prediction == "epsilon" and solver == "midpoint"))
        and not (order == 3 and algorithm == "sde-dpmsolver")
    ],
    ("LCM", LCM, ("LCM",), False),
    ("LCM, v prediction", {**LCM, "prediction_type": "v_prediction"}, ("LCM",), False),
    ("LCM, sample prediction", {**LCM, "prediction_type": "sample"}, ("LCM",), False),
    ("LCM, nothing stated", {"_class_name": "LCMScheduler"}, ("LCM",), False),
    (
        "LCM, 40 origins and clipping",
        {**LCM, "original_inference_steps": 40, "clip_sample": True, "timestep_scaling": 1.0},
        ("LCM",),
        False,
    ),
    ("LCM from Stable Diffusion 1", SD1, ("LCM",), True),
    ("TCD", TCD, ("TCD",), False),
    ("TCD, v prediction", {**TCD, "prediction_type": "v_prediction"}, ("TCD",), False),
    ("TCD, sample prediction", {**TCD, "prediction_type": "sample"}, ("TCD",), False),
    ("TCD, nothing stated", {"_class_name": "TCDScheduler"}, ("TCD",), False),
    ("TCD from Stable Diffusion 1", SD1, ("TCD",), True),
    # Of Hyper-SD's U-Net for one step, and of DMD2's for one and for four.
    ("LCM at timestep 800", {**LCM, "timesteps": [800]}, ("LCM",), False),
    ("LCM at timestep 399", {**LCM, "timesteps": [399]}, ("LCM",), False),
    ("LCM at four timesteps", {**LCM, "timesteps": [999, 749, 499, 249]}, ("LCM",), False),
    ("TCD at two timesteps", {**TCD, "timesteps": [800, 333]}, ("TCD",), False),
    ("few steps", TURBO, EVERY[:5], False),
    ("few steps, sample prediction", {**TURBO, "prediction_type": "sample"}, EVERY[3:4], False),
]
FEW_STEPS = tuple(label for label, *_ in CONFIGS if label.startswith(("LCM", "TCD", "few steps")))


def toy_noise(sample: np.ndarray, timestep: float) -> np.ndarray:
    """Stand for the U-Net: smooth, bounded slope, float32, different at every timestep."""
    sample = sample.astype(np.float32)
    phase = np.float32(timestep / 100)
    return np.float32(0.9) * sample + np.float32(0.3) * np.sin(np.float32(2) * sample + phase)


DISTILLED = ("LCM", "TCD")
#: Of TCD; the others take none.
ETAS = (0.0, 0.3, 1.0)
#: (inference steps, strength)
BEGINNINGS = ((5, 0.8), (5, 0.2), (20, 0.65), (50, 0.3))
FEW_BEGINNINGS = ((4, 0.1), (4, 0.5), (4, 0.58), (8, 0.3), (8, 0.9), (1, 0.02))
LATER_CONFIGS = (
    "Stable Diffusion 1",
    "Stable Diffusion 2.1, v prediction",
    "written for Euler, leading",
    "trailing",
    "linspace",
    "Karras",
    "LCM",
    "LCM, v prediction",
    "TCD",
    "TCD, v prediction",
    "sde-dpmsolver++ order 2 midpoint epsilon",
)
GO_ON_WRONGLY = ("PNDM", "LMSDiscrete")


def made(
    name: str, config: dict[str, Any], corrected: bool, steps: int, strength: float = 1.0
) -> Any:
    """Return a scheduler with its timesteps set. strength: for LCM and TCD."""
    loaded = getattr(diffusers, config["_class_name"]).from_config(dict(config))
    if corrected:
        pipe = StableDiffusionPipeline(
            vae=None,
            text_encoder=None,
            tokenizer=None,
            unet=None,
            scheduler=loaded,
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
        loaded = pipe.scheduler
    scheduler = getattr(diffusers, f"{name}Scheduler").from_config(loaded.config)
    if timesteps := config.get("timesteps"):
        # As the argument of diffusers' pipelines, which takes the place of the number of steps.
        scheduler.set_timesteps(timesteps=timesteps)
        return scheduler
    scheduler.set_timesteps(steps, **({"strength": strength} if name in DISTILLED else {}))
    return scheduler


def draw_from(rng: np.random.RandomState) -> None:
    """Have schedulers draw their noise from a NumPy generator."""

    def randn_tensor(shape: Any, **_: Any) -> torch.Tensor:
        return torch.from_numpy(rng.randn(*shape).astype(np.float32))

    scheduling_dpmsolver_multistep.randn_tensor = randn_tensor
    scheduling_euler_ancestral_discrete.randn_tensor = randn_tensor
    scheduling_lcm.randn_tensor = randn_tensor
    scheduling_tcd.randn_tensor = randn_tensor


def walk(
    name: str, config: dict[str, Any], corrected: bool, steps: int, eta: float
) -> tuple[Any, Any, Any]:
    """Return timesteps, samples after each step, init_noise_sigma."""
    scheduler = made(name, config, corrected, steps)
    rng = np.random.RandomState(SEED)
    latents = rng.randn(*SHAPE).astype(np.float16)
    draw_from(rng)
    sigma = scheduler.init_noise_sigma
    latents = latents * (sigma.numpy() if isinstance(sigma, torch.Tensor) else sigma)
    samples = stepped(scheduler, latents, scheduler.timesteps, eta)
    return scheduler.timesteps.numpy().astype(np.float32), samples, float(sigma)


def walk_from(
    name: str, config: dict[str, Any], corrected: bool, steps: int, strength: float, eta: float
) -> tuple[Any, Any]:
    """Return timesteps, and samples: the one at the beginning, and those after each step from there."""
    scheduler = made(name, config, corrected, steps, strength)
    begin = 0 if name in DISTILLED else steps - min(int(steps * strength), steps)
    original = np.random.RandomState(ORIGINAL_SEED).randn(*SHAPE).astype(np.float32)
    rng = np.random.RandomState(SEED)
    noise = rng.randn(*SHAPE).astype(np.float16)
    draw_from(rng)
    timesteps = scheduler.timesteps
    if name == "PNDM" and begin:
        # Its second timestep is there twice.
        timesteps = torch.cat([timesteps[:1], timesteps[2:]])
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(begin)
    timesteps = timesteps[begin:]
    latents = scheduler.add_noise(
        torch.from_numpy(original), torch.from_numpy(noise.astype(np.float32)), timesteps[:1]
    ).numpy()
    samples = [latents.astype(np.float32)]
    if name not in GO_ON_WRONGLY:
        samples += stepped(scheduler, latents, timesteps, eta)
    return timesteps.numpy().astype(np.float32), samples


def stepped(scheduler: Any, latents: np.ndarray, timesteps: Any, eta: float) -> list[np.ndarray]:
    """Return the sample after each step."""
    samples = []
    more = {"eta": eta} if isinstance(scheduler, diffusers.TCDScheduler) else {}
    for t in timesteps:
        model_input = scheduler.scale_model_input(torch.from_numpy(latents), t).numpy()
        noise_pred = toy_noise(model_input, float(t))
        latents = scheduler.step(
            torch.from_numpy(noise_pred), t, torch.from_numpy(latents), **more
        ).prev_sample.numpy()
        samples.append(latents.astype(np.float32))
    return samples


def etas_of(name: str) -> tuple[float, ...]:
    """Return the etas to record a scheduler with."""
    return ETAS if name == "TCD" else ETAS[:1]


def kept(count: int) -> list[int]:
    """Which of a walk's samples are recorded: all of a short one, the start, middle and end of a long one."""
    return sorted({0, 1, 2, count // 2, count - 1} & set(range(count)))


def record_later() -> None:
    cases, timesteps, samples = [], [], []
    for label, config, schedulers, corrected in CONFIGS:
        if label not in LATER_CONFIGS:
            continue
        for name in schedulers:
            if name == "PNDM" and not config.get("skip_prk_steps"):
                continue
            few = name in DISTILLED
            for (steps, strength), eta in product(
                FEW_BEGINNINGS if few else BEGINNINGS, etas_of(name)
            ):
                walked = walk_from(name, config, corrected, steps, strength, eta)
                cases.append(
                    {
                        "label": label,
                        "config": config,
                        "scheduler": name,
                        "corrected": corrected,
                        "steps": steps,
                        "strength": strength,
                        "eta": eta,
                        "timesteps": len(walked[0]),
                        "samples": len(walked[1]),
                    }
                )
                timesteps.append(walked[0])
                samples += [sample.ravel() for sample in walked[1]]
    np.savez_compressed(
        LATER,
        cases=np.array(json.dumps(cases)),
        timesteps=np.concatenate(timesteps),
        samples=np.stack(samples),
        versions=np.array(VERSIONS),
    )
    print(f"{len(cases)} later starts, {LATER.stat().st_size} bytes")


def main() -> None:
    diffusers.utils.logging.set_verbosity_error()
    record_later()
    cases, timesteps, samples, sigmas = [], [], [], []
    for label, config, schedulers, corrected in CONFIGS:
        for name in schedulers:
            counts = FEW if label in FEW_STEPS else STEPS
            if listed := config.get("timesteps"):
                counts = (len(listed),)
            for steps, eta in product(counts, etas_of(name)):
                try:
                    walked = walk(name, config, corrected, steps, eta)
                except Exception as error:  # what diffusers cannot do is worth a line, too
                    print(f"left out: {label}, {name}, {steps} steps: {error}"[:150])
                    continue
                if not np.isfinite(walked[1]).all():
                    print(f"left out: {label}, {name}, {steps} steps: not finite")
                    continue
                cases.append(
                    {
                        "label": label,
                        "config": config,
                        "scheduler": name,
                        "corrected": corrected,
                        "steps": steps,
                        "eta": eta,
                        "timesteps": len(walked[0]),
                    }
                )
                timesteps.append(walked[0])
                samples += [walked[1][index].ravel() for index in kept(len(walked[1]))]
                sigmas.append(walked[2])
    np.savez_compressed(
        TARGET,
        cases=np.array(json.dumps(cases)),
        timesteps=np.concatenate(timesteps),
        samples=np.stack(samples),
        sigmas=np.array(sigmas),
        versions=np.array(VERSIONS),
    )
    print(f"{len(cases)} cases, {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
