"""One variant of the demo model on one compute unit, drawn by an engine as `sdq worker` starts it.

The engine is a process of its own, so a crash or hang is a finding and not the end of the examination.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sdq.doctor.references import Reference
from sdq_core.images.pixels import image_from_rgb, psnr_db
from sdq_core.models import VariantFolder
from sdq_core.values.runtimes import RuntimeChoice
from sdq_core.values.variants import ComputeUnit

if TYPE_CHECKING:  # need NumPy, which a machine that only submits does not have
    from worker.pipelines.contract import DrawnImage

#: Per network. The demo model's are small, but every first load for the Neural Engine is slow.
_LOAD_DEADLINE_S = 600.0
_STEP_DEADLINE_S = 120.0


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What an engine drew, and how fast.

    pipeline, runtime: their names.
    load_s: seconds until the engine was ready.
    picture_s: mean seconds per image, without loading.
    pictures: how many were drawn.
    likeness_db: PSNR of the image least like its reference, infinite if all are equal.
    """

    pipeline: str
    runtime: str
    load_s: float
    picture_s: float
    pictures: int
    likeness_db: float


def prove(
    folder: VariantFolder,
    wanted: Sequence[Reference],
    unit: ComputeUnit,
    cache: Path,
    runtime: RuntimeChoice = RuntimeChoice.AUTO,
) -> Proof:
    """Draw the references' recipes and compare; raise an SdqError if one cannot be drawn."""
    from worker.engine.handle import Deadlines, Engine
    from worker.engine.messages import Launch
    from worker.pipelines.contract import ImageRequest

    launch = Launch(folder=folder, compute_unit=unit, cache=cache, threads=None, runtime=runtime)
    engine = Engine(launch, Deadlines(load_s=_LOAD_DEADLINE_S, step_s=_STEP_DEADLINE_S))
    try:
        ready = engine.wait_until_ready()
        images = [
            engine.draw(ImageRequest.of(reference.recipe, reference.seed)).image
            for reference in wanted
        ]
    finally:
        engine.kill()
    spent_ms = sum(image.text_encode_ms + image.denoise_ms + image.decode_ms for image in images)
    return Proof(
        pipeline=ready.pipeline,
        runtime=ready.runtime,
        load_s=ready.load_ms / 1000,
        picture_s=spent_ms / 1000 / len(images),
        pictures=len(images),
        likeness_db=min(map(_likeness_db, images, wanted)),
    )


def _likeness_db(image: DrawnImage, reference: Reference) -> float:
    height, width, _ = image.pixels.shape
    if (width, height) != reference.picture.size:
        return -math.inf
    return psnr_db(image_from_rgb(image.pixels.tobytes(), width, height), reference.picture)
