"""Record the pictures that `sdq doctor` compares with; to be run again after every change of the demo model.

The portable runtime draws them. Only pictures are taken that prove something: another seed's is far from them, and they
are still themselves when every output of every network is disturbed by what a float16 machine might (see
`sdq/doctor/drawing.py`). Prints what it measured.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sdq.doctor.drawing import ALIKE_DB
from sdq.doctor.references import FOLDER
from sdq_core.images.encode import encode_png
from sdq_core.images.metadata import ImageMetadata
from sdq_core.images.pixels import image_from_rgb, psnr_db
from sdq_core.models import DEMO, ModelStore, VariantFolder
from sdq_core.values.part_units import PartUnits
from sdq_core.values.recipes import Recipe
from sdq_core.values.variants import AttentionImplementation, ComputeUnit, Variant
from worker.pipelines.builtin import BuiltinPipeline
from worker.pipelines.contract import ImageRequest
from worker.runtimes.contract import LoadedModel
from worker.runtimes.onnx import OnnxRuntime

PICTURES = 2
STEPS = 10
PROMPTS = (
    "a red lighthouse on the left in the mountains at dawn under a clear sky",
    "a yellow house in the middle in the snow at night",
    "a green tree on the right in the desert by day in the rain",
    "a blue kite in the middle in a meadow by day under a clear sky",
    "a red balloon on the left over the sea at sunset under a cloudy sky",
    "a purple tent on the right in a meadow in the fog",
)
SEEDS = (7, 19, 42)
OTHER_SEEDS = (101, 102, 103)
#: dB between a network's output and itself with noise, and how often that is tried.
DISTURBANCE_DB = 50.0
TRIES = 3
#: dB on either side of the line that is drawn at ALIKE_DB.
DISTANCE_DB = 5.0


@dataclass(frozen=True)
class Candidate:
    prompt: str
    seed: int


class Disturbing:
    """A runtime whose networks give their outputs with noise."""

    def __init__(self, runtime: OnnxRuntime, noise_seed: int) -> None:
        self.name, self.versions = runtime.name, runtime.versions
        self._runtime = runtime
        self._rng = np.random.default_rng(noise_seed)

    def load(self, package: Path, compute_unit: ComputeUnit) -> LoadedModel:
        return Disturbed(self._runtime.load(package, compute_unit), self._rng)


class Disturbed:
    def __init__(self, model: LoadedModel, rng: np.random.Generator) -> None:
        self.expected_inputs = model.expected_inputs
        self._model = model
        self._rng = rng

    def __call__(self, **inputs: Any) -> dict[str, Any]:
        return {name: self._noisy(array) for name, array in self._model(**inputs).items()}

    def _noisy(self, array: Any) -> Any:
        sigma = np.abs(array).max() / 10 ** (DISTURBANCE_DB / 20)
        return (array + self._rng.normal(0, sigma, array.shape)).astype(np.float32)


def draw(pipeline: BuiltinPipeline, recipe: Recipe, seed: int) -> Image.Image:
    request = ImageRequest(
        prompt=recipe.prompt,
        negative_prompt=recipe.negative_prompt,
        seed=seed,
        num_inference_steps=recipe.num_inference_steps,
        guidance_scale=recipe.guidance_scale,
        scheduler=recipe.scheduler,
    )
    pixels = pipeline.draw(request, lambda _done, _total: None).pixels
    return image_from_rgb(pixels.tobytes(), pixels.shape[1], pixels.shape[0])


def recipe_of(folder: VariantFolder, prompt: str) -> Recipe:
    variant = Variant(
        model=DEMO,
        revision=folder.revision,
        attention_implementation=folder.attention_implementation,
        compute_unit=ComputeUnit.ALL,
    )
    return Recipe(
        variant=variant,
        prompt=prompt,
        width=folder.width,
        height=folder.height,
        num_inference_steps=STEPS,
    )


def telling(folder: VariantFolder, runtime: OnnxRuntime) -> Iterator[Candidate]:
    """Yield candidates that are far from another seed's picture and stay themselves under noise."""
    clean = BuiltinPipeline.load(folder, runtime, PartUnits.all_on(ComputeUnit.ALL))
    noisy = [
        BuiltinPipeline.load(folder, Disturbing(runtime, number), PartUnits.all_on(ComputeUnit.ALL))
        for number in range(TRIES)
    ]
    for seed, prompt in itertools.product(SEEDS, PROMPTS):
        recipe = recipe_of(folder, prompt)
        picture = draw(clean, recipe, seed)
        others = max(psnr_db(picture, draw(clean, recipe, other)) for other in OTHER_SEEDS)
        shaken = min(psnr_db(picture, draw(pipeline, recipe, seed)) for pipeline in noisy)
        taken = others <= ALIKE_DB - DISTANCE_DB and shaken >= ALIKE_DB + DISTANCE_DB
        print(
            f"{'taken' if taken else 'left '}  other seeds at most {others:.1f} dB, "
            f"disturbed at least {shaken:.1f} dB: {prompt!r}, seed {seed}",
            flush=True,
        )
        if taken:
            yield Candidate(prompt, seed)


def main() -> None:
    with tempfile.TemporaryDirectory() as cache:
        runtime = OnnxRuntime(cache_dir=Path(cache))
        store = ModelStore(Path(cache) / "none")
        original = store.find(DEMO, AttentionImplementation.ORIGINAL)
        chosen = list(itertools.islice(telling(original, runtime), PICTURES))
        if len(chosen) < PICTURES:
            sys.exit(f"Only {len(chosen)} pictures tell enough: add prompts. Nothing was written.")
        FOLDER.mkdir(exist_ok=True)
        for old in FOLDER.glob("*.png"):
            old.unlink()
        for attention in store.attention_implementations(DEMO):
            folder = store.find(DEMO, attention)
            pipeline = BuiltinPipeline.load(folder, runtime, PartUnits.all_on(ComputeUnit.ALL))
            for number, candidate in enumerate(chosen, start=1):
                recipe = recipe_of(folder, candidate.prompt)
                about = ImageMetadata(
                    recipe=recipe,
                    seed=candidate.seed,
                    version=metadata.version("sdq"),
                    provenance={"pipeline": pipeline.name, "runtime": runtime.name},
                )
                path = FOLDER / f"{attention}-{number}.png"
                path.write_bytes(encode_png(draw(pipeline, recipe, candidate.seed), about))
                print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
