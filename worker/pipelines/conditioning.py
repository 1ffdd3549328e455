"""What the U-Net is told of an image: its inputs besides the sample and the timestep, by name."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from sdq_core.errors import PackageError
from sdq_core.models.check import POOLED
from sdq_core.models.families import TIME_IDS
from worker.pipelines.arrays import Array
from worker.pipelines.contract import ImageRequest
from worker.pipelines.text import Text, TextEncoder

#: U-Net input -> what it is given.
Told = Mapping[str, Array]


@dataclass(frozen=True, kw_only=True)
class Conditioning:
    """What the U-Net is told of one image.

    branches: with guidance what it is told of the negative prompt, then of the prompt; without, of the prompt alone.
        Every array has one row.
    truncated_tokens: how many tokens of the texts did not fit.
    encode_ms: encoding time, 0 if all texts were known.
    """

    branches: tuple[Told, ...]
    truncated_tokens: int
    encode_ms: float

    def and_all_are_told(self, told: Told) -> Conditioning:
        """Return the same with what every branch is told as well, of one row."""
        return replace(self, branches=tuple({**branch, **told} for branch in self.branches))

    def batches(self, size: int) -> list[Told]:
        """Return what the U-Net is told in each evaluation of a step, of ``size`` rows each.

        One branch alone fills a batch of two with itself; the second row's result is not used.
        """
        rows = (*self.branches, *self.branches[-1:] * (-len(self.branches) % size))
        return [
            {
                name: np.concatenate([row[name] for row in rows[start : start + size]])
                for name in rows[start]
            }
            for start in range(0, len(rows), size)
        ]


class Conditioner(Protocol):
    """Turns a request into what the U-Net of a family is told."""

    def condition(self, request: ImageRequest, *, guided: bool) -> Conditioning:
        """Return what the U-Net is told. guided: with the negative prompt as well.

        Raises BrokenImageError if a network produces NaN or infinity.
        """
        ...


class TextConditioner:
    """Stable Diffusion 1 and 2: the hidden states of one text encoder."""

    def __init__(self, text_encoder: TextEncoder) -> None:
        self._text_encoder = text_encoder

    def condition(self, request: ImageRequest, *, guided: bool) -> Conditioning:
        """See Conditioner."""
        # The negative prompt last: as the newer of the two texts that are kept it survives a new prompt.
        prompts = (request.prompt, request.negative_prompt) if guided else (request.prompt,)
        texts = [Text(prompt, request.conditions.weighted) for prompt in prompts]
        started = time.perf_counter()
        known = all(text in self._text_encoder for text in texts)
        encoded = [self._text_encoder.encode(text) for text in texts]
        return Conditioning(
            branches=tuple(
                {"encoder_hidden_states": text.hidden_states} for text in reversed(encoded)
            ),
            truncated_tokens=sum(text.truncated_tokens for text in encoded),
            encode_ms=0.0 if known else (time.perf_counter() - started) * 1000,
        )


class SizedTextConditioner:
    """Stable Diffusion XL: the hidden states of two text encoders, the second one's pooled output, and sizes."""

    def __init__(
        self,
        first: TextEncoder,
        second: TextEncoder,
        *,
        width: int,
        height: int,
        zeros_for_empty_prompt: bool,
    ) -> None:
        """width, height: pixels of the image. zeros_for_empty_prompt: an empty negative prompt is not encoded."""
        self._encoders = (first, second)
        self._size = (width, height)
        self._zeros_for_empty_prompt = zeros_for_empty_prompt

    def condition(self, request: ImageRequest, *, guided: bool) -> Conditioning:
        """See Conditioner."""
        prompts = (request.prompt, request.negative_prompt) if guided else (request.prompt,)
        texts = [Text(prompt, request.conditions.weighted) for prompt in prompts]
        started = time.perf_counter()
        known = all(text in encoder for text in texts for encoder in self._encoders)
        encoded = [self._encode(text) for text in texts]
        branches = [told for told, _ in encoded]
        if guided and not request.negative_prompt and self._zeros_for_empty_prompt:
            branches[1] = {name: np.zeros_like(value) for name, value in branches[1].items()}
        time_ids = self._time_ids(request)
        return Conditioning(
            branches=tuple({**told, TIME_IDS: time_ids} for told in reversed(branches)),
            truncated_tokens=sum(truncated for _, truncated in encoded),
            encode_ms=0.0 if known else (time.perf_counter() - started) * 1000,
        )

    def _encode(self, text: Text) -> tuple[Told, int]:
        first, second = (encoder.encode(text) for encoder in self._encoders)
        if second.pooled is None:
            raise PackageError(
                f"The second text encoder does not give {POOLED!r}. Convert it with Apple's torch2coreml."
            )
        told = {
            "encoder_hidden_states": np.concatenate(
                [first.hidden_states, second.hidden_states], axis=1
            ),
            "text_embeds": second.pooled,
        }
        return told, first.truncated_tokens

    def _time_ids(self, request: ImageRequest) -> Array:
        """Return [1, 6]: original height and width, crop from the top and left, target height and width."""
        width, height = self._size
        original_width, original_height = request.conditions.original_size or self._size
        left, top = request.conditions.crop or (0, 0)
        return np.array([[original_height, original_width, top, left, height, width]], np.float32)
