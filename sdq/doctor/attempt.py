"""One picture of a model on one compute unit, drawn by an engine of its own: what ends that is a line of the report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from sdq_core.errors import SdqError
from sdq_core.images.pixels import image_from_rgb
from sdq_core.models import VariantFolder
from sdq_core.values.part_units import UnitRules
from sdq_core.values.recipes import Recipe
from sdq_core.values.runtimes import RuntimeChoice
from sdq_core.values.variants import ComputeUnit


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """What came of a unit.

    has_others: whether the runtime has other units, as far as it got to tell.
    picture: None if it could not be drawn, and `error` says why.
    pipeline, runtime, load_s, picture_s: how it was drawn, and in which time.
    """

    unit: ComputeUnit
    has_others: bool
    error: SdqError | None = None
    picture: Image.Image | None = None
    pipeline: str = ""
    runtime: str = ""
    load_s: float = 0.0
    picture_s: float = 0.0


def attempt(
    folder: VariantFolder,
    recipe: Recipe,
    seed: int,
    unit: ComputeUnit,
    *,
    cache: Path,
    rules: UnitRules,
    runtime: RuntimeChoice,
) -> Attempt:
    """Draw a recipe with this seed on a unit. rules: of the units of parts."""
    from worker.engine.handle import Deadlines, Engine
    from worker.engine.messages import Launch
    from worker.pipelines.contract import ImageRequest

    launch = Launch(
        folder=folder, compute_unit=unit, cache=cache, threads=None, rules=rules, runtime=runtime
    )
    engine = Engine(launch, Deadlines())

    def has_others() -> bool:
        return engine.loading is not None and engine.loading.unit is not None

    try:
        ready = engine.wait_until_ready()
        image = engine.draw(ImageRequest.of(recipe, seed)).image
    except SdqError as error:
        return Attempt(unit=unit, has_others=has_others(), error=error)
    finally:
        engine.kill()
    height, width, _ = image.pixels.shape
    return Attempt(
        unit=unit,
        has_others=has_others(),
        picture=image_from_rgb(image.pixels.tobytes(), width, height),
        pipeline=ready.pipeline,
        runtime=ready.runtime,
        load_s=ready.load_ms / 1000,
        picture_s=(image.text_encode_ms + image.denoise_ms + image.decode_ms) / 1000,
    )
