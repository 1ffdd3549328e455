"""How near the packages are to the networks that were trained, and to each other, in PSNR.

    python compare.py --run RUN --model ../../sdq_core/demo_model --fp16 FOLDER

U-Net outputs are compared with torch in fp32, for real embeddings over the whole range of timesteps; pictures (20
steps, DPMSolverMultistep, guidance 7.5) are compared between packages. FOLDER is what `convert.py --bits 16` wrote.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from random import Random
from statistics import median

import numpy as np
import scenes
import torch
from convert import Unet, load_modules
from evaluate import draw
from numpy.typing import NDArray
from tokenizer import load_tokenizer

from sdq_core.models import ModelStore
from sdq_core.values.part_units import PartUnits
from sdq_core.values.variants import AttentionImplementation, ComputeUnit
from worker.pipelines.builtin import BuiltinPipeline
from worker.runtimes.choice import choose_runtime
from worker.runtimes.contract import Runtime

TIMESTEPS = (1, 101, 201, 301, 401, 501, 601, 701, 801, 901, 981)


def psnr(first: NDArray[np.float64], second: NDArray[np.float64], peak: float) -> float:
    """Peak signal-to-noise ratio, dB."""
    error = float(np.mean((first - second) ** 2))
    return float("inf") if error == 0 else 10 * float(np.log10(peak**2 / error))


def prompts(count: int) -> list[str]:
    """Say so many random scenes."""
    rng = Random(11)
    return [scenes.plain_caption(scenes.sample_scene(rng)) for _ in range(count)]


def unet_psnr(run: Path, model: Path, runtime: Runtime) -> list[float]:
    """Compare the package of `original` with torch; the peak is what torch's output spans."""
    encoder, denoiser, _, _ = load_modules(run, model)
    torch_unet = Unet(denoiser, "original").eval()
    folder = ModelStore(model).find(str(model), AttentionImplementation.ORIGINAL)
    package = runtime.load(folder.parts["unet"], ComputeUnit.ALL)
    tokenizer = load_tokenizer(model / "tokenizer")
    found = []
    for number, timestep in enumerate(TIMESTEPS):
        text = tokenizer(
            ["", prompts(len(TIMESTEPS))[number]], padding="max_length", max_length=77,
            truncation=True, return_tensors="pt",
        ).input_ids  # fmt: skip
        generator = torch.Generator().manual_seed(number)
        sample = torch.randn(2, 4, 16, 16, generator=generator)
        with torch.no_grad():
            states = encoder(text)[0].permute(0, 2, 1)[:, :, None, :]
            times = torch.full((2,), float(timestep))
            expected = torch_unet(sample, times, states).numpy()
        given = {
            "sample": sample.numpy(),
            "timestep": times.numpy(),
            "encoder_hidden_states": states.numpy(),
        }
        (noise_pred,) = package(**given).values()
        found.append(psnr(noise_pred, expected, float(np.ptp(expected))))
    return found


def main() -> None:
    """Measure and print: median and worst."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--fp16", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=12)
    options = parser.parse_args()
    torch.set_num_threads(1)

    def show(name: str, found: list[float]) -> None:
        print(f"{name:44} median {median(found):5.1f} dB, worst {min(found):5.1f} dB", flush=True)

    with tempfile.TemporaryDirectory() as cache:
        runtime = choose_runtime(cache=Path(cache), threads=1)

        def pictures(model: Path, variant: str) -> list[NDArray[np.float64]]:
            attention = AttentionImplementation(variant)
            folder = ModelStore(model).find(str(model), attention)
            pipeline = BuiltinPipeline.load(folder, runtime, PartUnits.all_on(ComputeUnit.ALL))
            how = argparse.Namespace(steps=20, guidance=7.5, scheduler="DPMSolverMultistep")
            return [
                draw(pipeline, prompt, seed, how)[0].astype(float)
                for seed, prompt in enumerate(prompts(options.pictures))
            ]

        show("U-Net, 6-bit against torch fp32", unet_psnr(options.run, options.model, runtime))
        show("U-Net, fp16 against torch fp32", unet_psnr(options.run, options.fp16, runtime))
        original = pictures(options.model, "original")
        for name, model, variant in (
            ("pictures, split_einsum against original, 6-bit", options.model, "split_einsum"),
            ("pictures, fp16 against 6-bit, original", options.fp16, "original"),
        ):
            others = pictures(model, variant)
            show(name, [psnr(a, b, 255.0) for a, b in zip(others, original, strict=True)])


if __name__ == "__main__":
    main()
