"""The safety checker: scores an image, as CLIP sees it, against unwanted concepts.

A score above 0 flags the image. The checker's own reaction, a black image, is not used: whether to keep, blur or
blacken a flagged image is the user's choice, and a black image could not be told from a broken one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sdq_core.models.check import check_safety_checker
from sdq_core.models.preprocessing import Preprocessing
from worker.pipelines.arrays import as_expected, declared, require_finite, require_output
from worker.pipelines.vae import Decoded
from worker.runtimes.contract import LoadedModel


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
        self._steps = Preprocessing.read(folder)

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Turn uint8 [h, w, 3] into float32 [1, 3, crop, crop]."""
        steps = self._steps
        view = Image.fromarray(pixels)
        if steps.size is not None:
            target = _target(view.size, steps.size)
            view = view.resize(target, Image.Resampling(steps.resample))
        values = np.asarray(view)
        if steps.crop is not None:
            values = _center_crop(values, *steps.crop)
        scaled = (values.astype(np.float64) * steps.factor).astype(np.float32)
        if steps.normalization is not None:
            mean, std = (np.array(values, np.float32) for values in steps.normalization)
            scaled = (scaled - mean) / std
        return np.ascontiguousarray(scaled.transpose(2, 0, 1)[None])


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


def _target(image: tuple[int, int], size: Mapping[str, int]) -> tuple[int, int]:
    """Return (width, height) to resize to; the longer side is rounded down to whole pixels."""
    if "shortest_edge" not in size:
        return size["width"], size["height"]
    short = size["shortest_edge"]
    width, height = image
    if width <= height:
        return short, int(short * height / width)
    return int(short * width / height), short


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
