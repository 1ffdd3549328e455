"""Encodes prompts to the embeddings that the U-Net attends to, each text once."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdq_core.models.check import check_text_encoder
from worker.pipelines.arrays import as_expected, declared, require_finite, require_output
from worker.pipelines.tokenizer import ClipTokenizer
from worker.runtimes.contract import LoadedModel

#: The most recent prompt and negative prompt: the seeds of one prompt follow each other, and so do the prompts of one
#: negative prompt.
KEPT_TEXTS = 2


@dataclass(frozen=True, kw_only=True)
class Conditioning:
    """The encoded prompts of an image.

    hidden_states: one array [1, C, 1, 77] per guidance branch: negative prompt, then prompt; or the prompt alone.
    truncated_tokens: how many tokens of the texts did not fit.
    encode_ms: encoding time, 0 if all texts were cached.
    """

    hidden_states: tuple[NDArray[np.floating[Any]], ...]
    truncated_tokens: int
    encode_ms: float


@dataclass(frozen=True)
class _EncodedText:
    hidden_states: NDArray[np.floating[Any]]
    truncated_tokens: int


class TextEncoder:
    """A tokenizer and the text encoder's network."""

    def __init__(self, tokenizer: ClipTokenizer, model: LoadedModel) -> None:
        """Raise PackageError if the network does not take the tokenizer's output."""
        check_text_encoder(declared(model, "The text encoder"), tokenizer.max_length)
        self._tokenizer = tokenizer
        self._model = model
        self._kept: OrderedDict[str, _EncodedText] = OrderedDict()

    def encode(self, prompt: str, negative_prompt: str | None) -> Conditioning:
        """Encode a prompt and a negative prompt. negative_prompt: None without guidance.

        Raises BrokenImageError if the network produces NaN or infinity.
        """
        # The negative prompt last: as the newer of the two cached texts it survives a new prompt.
        texts = (prompt,) if negative_prompt is None else (prompt, negative_prompt)
        started = time.perf_counter()
        cached = all(text in self._kept for text in texts)
        encoded = [self._encode(text) for text in texts]
        return Conditioning(
            hidden_states=tuple(text.hidden_states for text in reversed(encoded)),
            truncated_tokens=sum(text.truncated_tokens for text in encoded),
            encode_ms=0.0 if cached else (time.perf_counter() - started) * 1000,
        )

    def _encode(self, text: str) -> _EncodedText:
        if text in self._kept:
            self._kept.move_to_end(text)
            return self._kept[text]
        tokenized = self._tokenizer(text)
        outputs = self._model(**as_expected(self._model, {"input_ids": tokenized.input_ids}))
        states = require_output(outputs, "last_hidden_state", "text encoder")
        require_finite(states, "The text encoder")
        # [1, 77, C] to [1, C, 1, 77]: Apple's U-Nets compute attention as 1x1 convolutions.
        encoded = _EncodedText(states.transpose(0, 2, 1)[:, :, None, :], tokenized.truncated_tokens)
        self._kept[text] = encoded
        while len(self._kept) > KEPT_TEXTS:
            self._kept.popitem(last=False)
        return encoded
