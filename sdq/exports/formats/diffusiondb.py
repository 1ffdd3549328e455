"""diffusiondb: folders of 1,000 images, each with a JSON file about them, laid out as DiffusionDB is.

    part-000001/KEY.png
    part-000001/part-000001.json    {"KEY.png": {"p": prompt, "se": seed, "c": guidance, "st": steps, "sa": sampler}}

Of several splits, each has its parts in a folder of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sdq.exports.format import SplitState
from sdq.exports.formats.part_folder import PartFolder
from sdq.exports.link import Link
from sdq.exports.options import ExportOptions
from sdq.exports.sample import Sample
from sdq_core.values.variants import Scheduler

#: Its names of samplers; the last three are ones that it does not have, named as other tools do.
_SAMPLERS = {
    Scheduler.DDIM: "ddim",
    Scheduler.PNDM: "plms",
    Scheduler.LMS_DISCRETE: "k_lms",
    Scheduler.EULER_DISCRETE: "k_euler",
    Scheduler.EULER_ANCESTRAL_DISCRETE: "k_euler_ancestral",
    Scheduler.DPM_SOLVER_MULTISTEP: "k_dpmpp_2m",
    Scheduler.LCM: "lcm",
    Scheduler.TCD: "tcd",
}


class DiffusionDB:
    """Writes folders as DiffusionDB has them."""

    samples_per_part = 1000
    bytes_per_part: int | None = None

    def __init__(self, options: ExportOptions) -> None:
        self._link = options.link
        self._many = len(options.splits.fractions) > 1

    def begin(self, folder: Path, split: str, number: int) -> _Part:
        """Begin a folder of images."""
        top = folder / split if self._many else folder
        return _Part(folder, top / f"part-{number + 1:06d}", self._link)

    def finish(self, folder: Path, splits: Mapping[str, SplitState]) -> None:
        """Write nothing: each part has its own."""


class _Part:
    def __init__(self, folder: Path, target: Path, link: Link) -> None:
        self._images = PartFolder(folder, target, link)
        self._name = target.name
        self._about: dict[str, dict[str, Any]] = {}

    @property
    def size_bytes(self) -> int:
        return self._images.size_bytes

    def add(self, sample: Sample) -> None:
        recipe = sample.image.recipe
        self._about[self._images.add(sample)] = {
            "p": sample.caption,
            "se": sample.image.seed,
            "c": recipe.guidance_scale,
            "st": recipe.num_inference_steps,
            "sa": _SAMPLERS[recipe.scheduler],
        }

    def close(self) -> Sequence[Path]:
        self._images.write(f"{self._name}.json", json.dumps(self._about, ensure_ascii=False))
        return self._images.close()

    def abort(self) -> None:
        self._images.abort()
