"""The safety checker: scores an image, as CLIP sees it, against unwanted concepts.

A score above 0 flags the image. The checker's own reaction, a black image, is not used: whether to keep, blur or
blacken a flagged image is the user's choice, and a black image could not be told from a broken one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sdq_core.errors import PackageError
from sdq_core.models.check import check_safety_checker
from worker.pipelines.arrays import as_expected, declared, require_finite, require_output
from worker.pipelines.decode import Decoded
from worker.runtimes.contract import LoadedModel

#: OpenAI's normalisation, the default for files without one.
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True, kw_only=True)
class SafetyReport:
    """What the safety checker found.

    concept_scores: concept -> score. The model does not name its concepts, so they are `concept_00` and so on.
    """

    flagged: bool
    concept_scores: Mapping[str, float]


class FeatureExtractor:
    """Prepares an image for CLIP as transformers' CLIPImageProcessor does by `preprocessor_config.json`."""

    def __init__(self, folder: Path) -> None:
        """Read the configuration; raise PackageError if it is missing or damaged."""
        path = folder / "preprocessor_config.json"
        try:
            config = json.loads(path.read_text(encoding="utf-8"))
            self._resize = bool(config.get("do_resize", True))
            self._size = _size(config.get("size", 224), shortest_edge=True)
            self._resample = Image.Resampling(config.get("resample", Image.Resampling.BICUBIC))
            self._crop = bool(config.get("do_center_crop", True))
            self._crop_size = _size(config.get("crop_size", 224), shortest_edge=False)
            self._factor = (
                float(config.get("rescale_factor", 1 / 255))
                if config.get("do_rescale", True)
                else 1.0
            )
            self._normalize = bool(config.get("do_normalize", True))
            self._mean = np.array(config.get("image_mean", CLIP_MEAN), np.float32)
            self._std = np.array(config.get("image_std", CLIP_STD), np.float32)
        except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
            raise PackageError(
                f"{path} cannot be read as a feature extractor's configuration ({error}). "
                "Put the feature_extractor folder of the model's own repository there."
            ) from error

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Turn uint8 [h, w, 3] into float32 [1, 3, crop, crop]."""
        view = Image.fromarray(pixels)
        if self._resize:
            view = view.resize(self._target(view.size), self._resample)
        values = np.asarray(view)
        if self._crop:
            values = _center_crop(values, self._crop_size["height"], self._crop_size["width"])
        scaled = (values.astype(np.float64) * self._factor).astype(np.float32)
        if self._normalize:
            scaled = (scaled - self._mean) / self._std
        return np.ascontiguousarray(scaled.transpose(2, 0, 1)[None])

    def _target(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return (width, height) to resize to; the longer side is rounded down to whole pixels."""
        if "shortest_edge" not in self._size:
            return self._size["width"], self._size["height"]
        short = self._size["shortest_edge"]
        width, height = size
        if width <= height:
            return short, int(short * height / width)
        return int(short * width / height), short


class SafetyChecker:
    """The checker's network and its feature extractor."""

    def __init__(self, extractor: FeatureExtractor, model: LoadedModel) -> None:
        """Raise PackageError if the network is not Stable Diffusion's safety checker."""
        check_safety_checker(declared(model, "The safety checker"))
        self._extractor = extractor
        self._model = model

    def check(self, decoded: Decoded) -> SafetyReport:
        """Score one image; raise BrokenImageError for scores that are NaN or infinite."""
        inputs = {
            "clip_input": self._extractor(decoded.pixels),
            "images": decoded.image,
            "adjustment": np.zeros(1, np.float32),
        }
        outputs = self._model(**as_expected(self._model, inputs))
        scores = require_output(outputs, "concept_scores", "safety checker").ravel()
        require_finite(scores, "The safety checker")
        flags = require_output(outputs, "has_nsfw_concepts", "safety checker")
        return SafetyReport(
            flagged=bool((flags > 0).any()),
            concept_scores={
                f"concept_{index:02}": float(score) for index, score in enumerate(scores)
            },
        )


def _size(value: Any, *, shortest_edge: bool) -> dict[str, int]:
    """Read a size from an old file (a number) or a new one (a mapping)."""
    if isinstance(value, int):
        return {"shortest_edge": value} if shortest_edge else {"height": value, "width": value}
    if "shortest_edge" in value and shortest_edge:
        return {"shortest_edge": int(value["shortest_edge"])}
    return {"height": int(value["height"]), "width": int(value["width"])}


def _center_crop(values: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Crop to the center; pad with black where the image is too small."""
    padded = np.zeros(
        (max(height, values.shape[0]), max(width, values.shape[1]), values.shape[2]), values.dtype
    )
    top = -(-(padded.shape[0] - values.shape[0]) // 2)
    left = -(-(padded.shape[1] - values.shape[1]) // 2)
    padded[top : top + values.shape[0], left : left + values.shape[1]] = values
    top, left = (padded.shape[0] - height) // 2, (padded.shape[1] - width) // 2
    return padded[top : top + height, left : left + width]
