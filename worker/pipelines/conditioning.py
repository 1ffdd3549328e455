"""What the U-Net is told of an image: its inputs besides the sample and the timestep, by name."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from worker.pipelines.arrays import Array
from worker.pipelines.contract import ImageRequest
from worker.pipelines.text import TextEncoder

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

    def batches(self, size: int) -> list[Told]:
        """Return what the U-Net is told in each evaluation of a step, of ``size`` rows each."""
        return [
            {
                name: np.concatenate(
                    [branch[name] for branch in self.branches[start : start + size]]
                )
                for name in self.branches[start]
            }
            for start in range(0, len(self.branches), size)
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
        texts = (request.prompt, request.negative_prompt) if guided else (request.prompt,)
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
