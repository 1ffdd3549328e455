"""Draw what `encoder.py` learns from: latents, and the pictures that the shipped decoder makes of them.

    python draw_pairs.py --out PAIRS.npz [--drawn 320] [--mixed 1500]

The first are what the shipped denoiser ends with for the prompts of rendered scenes. The others are the left part of
one beside the right part of another, mirrored by chance: the decoder makes pictures of those as well, and drawing
takes far longer than decoding. Writes `z`, float32 [N,4,16,16] of unit deviation, and `pictures`, uint8
[N,128,128,3]. Needs sdq with its `onnx` extra.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import scenes
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from sdq_core.models import DEMO, ModelStore
from sdq_core.values.part_units import PartUnits
from sdq_core.values.safety import Safety
from sdq_core.values.variants import AttentionImplementation, ComputeUnit, Scheduler
from worker.pipelines.builtin import BuiltinPipeline
from worker.pipelines.contract import ImageRequest
from worker.pipelines.vae import VaeDecoder
from worker.runtimes.choice import choose_runtime

STEPS = 16
GUIDANCE = 3.5


class _Watched:
    """A decoder that remembers what it was given."""

    def __init__(self, decoder: VaeDecoder) -> None:
        self.decoder = decoder
        self.latents: list[NDArray[np.float32]] = []

    def decode(self, latents: NDArray[Any]) -> Any:
        self.latents.append(np.asarray(latents[0], np.float32))
        return self.decoder.decode(latents)


def mixed(latents: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """The left part of one beside the right part of another, [1,4,16,16]."""
    one, other = latents[rng.integers(len(latents), size=2)]
    column = int(rng.integers(2, 15))
    z = np.concatenate([one[..., :column], other[..., column:]], axis=-1)[None]
    return np.ascontiguousarray(z[..., ::-1]) if rng.random() < 0.5 else z


def main() -> None:
    """Draw, then mix."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--drawn", type=int, default=320)
    parser.add_argument("--mixed", type=int, default=1500)
    options = parser.parse_args()
    folder = ModelStore(Path("none")).find(DEMO, AttentionImplementation.ORIGINAL)
    with tempfile.TemporaryDirectory() as cache:
        runtime = choose_runtime(cache=Path(cache), threads=None)
        units = PartUnits.all_on(ComputeUnit.ALL)
        pipeline = BuiltinPipeline.load(folder, runtime, units, Safety.OFF)
        pixels: list[NDArray[np.uint8]] = []
        prompts = Random(77)
        watched = _Watched(pipeline._pieces.vae_decoder)
        object.__setattr__(pipeline._pieces, "vae_decoder", watched)
        for seed in range(options.drawn):
            prompt = scenes.plain_caption(scenes.sample_scene(prompts, held_out=None))
            request = ImageRequest(
                prompt=prompt,
                negative_prompt="",
                seed=seed,
                num_inference_steps=STEPS,
                guidance_scale=GUIDANCE,
                scheduler=Scheduler.DPM_SOLVER_MULTISTEP,
            )
            pixels.append(pipeline.draw(request, lambda _done, _total: None).pixels)
        drawn = np.stack(watched.latents)
        latents = [*watched.latents]
        rng = np.random.default_rng(7)
        for _ in range(options.mixed):
            z = mixed(drawn, rng)
            pixels.append(watched.decoder.decode(z).pixels)
            latents.append(z[0])
    np.savez(options.out, z=np.stack(latents), pictures=np.stack(pixels))


if __name__ == "__main__":
    main()
