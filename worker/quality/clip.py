"""How well a picture shows what its prompt says: the cosine between CLIP's embeddings of both.

Pictures are prepared as CLIP's own are: the shorter side scaled to what the image encoder looks at, bilinear, then the
middle. Texts are lower-cased and cut after 75 tokens by `worker.pipelines.tokenizer`, and padded with 0 as OpenAI's and
MobileCLIP's tokenizers do. MobileCLIP's text encoder looks at the padding, too, so another one would change its scores.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sdq_core.models.scoring import ScoringModel
from sdq_core.values.variants import ComputeUnit
from worker.pipelines.tokenizer import ClipTokenizer
from worker.runtimes.contract import Runtime

#: Prompts whose embeddings are kept, of 2 to 4 KiB each: the images of one prompt mostly follow each other.
_KEPT_TEXTS = 1024
#: float16 weights give no more.
_DECIMALS = 4


class ClipScorer:
    """A scoring model in memory. Use it from one thread, but for `prepare`."""

    def __init__(self, model: ScoringModel, runtime: Runtime) -> None:
        """Load both encoders; raise as `Runtime.load` does, and PackageError for a damaged tokenizer."""
        self._model = model
        self._tokenizer = ClipTokenizer(model.tokenizer)
        self._image = runtime.load(model.image, ComputeUnit.ALL)
        self._text = runtime.load(model.text, ComputeUnit.ALL)
        self._embedded = lru_cache(_KEPT_TEXTS)(self._embed)

    def prepare(self, picture: Image.Image) -> NDArray[np.uint8]:
        """Turn an RGB picture into what the image encoder takes, uint8 [1, 3, height, width]."""
        width, height = self._model.width, self._model.height
        scale = max(width / picture.width, height / picture.height)
        scaled = picture.resize(
            (max(width, int(picture.width * scale)), max(height, int(picture.height * scale))),
            Image.Resampling.BILINEAR,
        )
        left, top = (scaled.width - width) // 2, (scaled.height - height) // 2
        cut = scaled.crop((left, top, left + width, top + height))
        return np.asarray(cut).transpose(2, 0, 1)[None]

    def score(self, prepared: NDArray[np.uint8], prompt: str) -> float | None:
        """Return the cosine, -1 to 1, of a prepared picture and a prompt; None if an encoder gives NaN or nothing.

        Raise ComputeError if a network fails while it runs.
        """
        given = self._image(**{self._model.image_input: prepared})[self._model.image_output]
        cosine = float(_unit(given) @ self._embedded(prompt))
        return round(cosine, _DECIMALS) if np.isfinite(cosine) else None

    def _embed(self, prompt: str) -> NDArray[np.float64]:
        tokens = self._tokenizer(prompt, padding=0).input_ids
        return _unit(self._text(**{self._model.text_input: tokens})[self._model.text_output])


def _unit(embedding: NDArray[Any]) -> NDArray[np.float64]:
    """Return an embedding as a vector of length 1; NaN for one of length 0."""
    vector = embedding.ravel().astype(np.float64)
    with np.errstate(invalid="ignore"):
        return vector / np.linalg.norm(vector)
