"""Record the noise of other tools, for `tests/pipeline/test_noise.py`.

    pip install "torch==2.13.*" "diffusers==0.35.*" "numpy<2.4"
    python tools/record_noise.py RNG_PHILOX

RNG_PHILOX is AUTOMATIC1111's `modules/rng_philox.py`, which is not part of this repository.

One file results, `tests/golden/noise.npz`. For each source, seed and shape there is the first draw of a generator, and
of the second and third every `EVERY`th number: `torch_42_1x4x64x64`, `torch_42_1x4x64x64_next`. Of large shapes the
first draw is thinned, too, except for seed 42. `euler_ancestral` is diffusers' walk from torch's noise with the network
of `tools/record_schedulers.py`: its steps draw from the generator of the latents.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import EulerAncestralDiscreteScheduler

SEEDS = (0, 42, 2**32 - 1)
SHAPES = ((1, 4, 64, 64), (1, 4, 96, 72), (1, 4, 2, 2), (1, 4, 5, 5))
WHOLE_SEED = 42
EVERY = 61
WALK_SHAPE = (1, 4, 8, 8)
WALK_STEPS = 8
#: Of Stable Diffusion 1's own file.
CONFIGURATION = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "steps_offset": 1,
}
TARGET = Path(__file__).parent.parent / "tests" / "golden" / "noise.npz"


def torch_draws(seed: int) -> Callable[[tuple[int, ...]], Any]:
    """Return what draws from one generator of torch."""
    generator = torch.Generator().manual_seed(seed)
    return lambda shape: torch.randn(shape, generator=generator).numpy()


def nvidia_draws(philox: Any, seed: int) -> Callable[[tuple[int, ...]], Any]:
    """Return what draws from one generator of AUTOMATIC1111's."""
    generator = philox.Generator(seed)
    return generator.randn  # type: ignore[no-any-return]


def toy_noise(sample: np.ndarray, timestep: float) -> np.ndarray:
    """Stand in for the U-Net, as in `tools/record_schedulers.py`."""
    phase = np.float32(timestep / 100)
    return np.float32(0.9) * sample + np.float32(0.3) * np.sin(np.float32(2) * sample + phase)


def walk(seed: int) -> np.ndarray:
    """Return diffusers' latents after a Euler ancestral walk, drawn as its pipelines draw them."""
    scheduler = EulerAncestralDiscreteScheduler(**CONFIGURATION)
    scheduler.set_timesteps(WALK_STEPS)
    generator = torch.Generator().manual_seed(seed)
    latents = torch.randn(WALK_SHAPE, generator=generator) * scheduler.init_noise_sigma
    for timestep in scheduler.timesteps:
        seen = scheduler.scale_model_input(latents, timestep)
        noise_pred = torch.from_numpy(toy_noise(seen.numpy(), float(timestep)))
        latents = scheduler.step(noise_pred, timestep, latents, generator=generator).prev_sample
    return latents.numpy()


def main() -> None:
    """Record."""
    specification = importlib.util.spec_from_file_location("rng_philox", sys.argv[1])
    assert specification
    assert specification.loader
    philox = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(philox)
    found: dict[str, np.ndarray] = {}
    for seed in SEEDS:
        for source, draw in (("torch", torch_draws), ("nvidia", lambda s: nvidia_draws(philox, s))):
            for shape in SHAPES:
                name = f"{source}_{seed}_{'x'.join(map(str, shape))}"
                drawn = [draws(shape).ravel() for draws in [draw(seed)] for _ in range(3)]
                whole = (shape == SHAPES[0] and seed == WHOLE_SEED) or drawn[0].size < 1000
                found[name] = drawn[0] if whole else drawn[0][::EVERY]
                found[f"{name}_next"] = np.stack(drawn[1:])[:, ::EVERY]
    found["euler_ancestral"] = np.stack([walk(seed) for seed in SEEDS])
    np.savez_compressed(TARGET, **{name: array.astype(np.float32) for name, array in found.items()})
    print(f"{TARGET}: {TARGET.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
