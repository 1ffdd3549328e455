"""Encodes texts to what the U-Net attends to, each text once."""

from __future__ import annotations

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
class EncodedText:
    """A text as the U-Net attends to it.

    hidden_states: [1, C, 1, 77].
    truncated_tokens: how many tokens did not fit.
    """

    hidden_states: NDArray[np.floating[Any]]
    truncated_tokens: int


class TextEncoder:
    """A tokenizer and the text encoder's network; the last texts are kept."""

    def __init__(self, tokenizer: ClipTokenizer, model: LoadedModel) -> None:
        """Raise PackageError if the network does not take the tokenizer's output."""
        check_text_encoder(declared(model, "The text encoder"), tokenizer.max_length)
        self._tokenizer = tokenizer
        self._model = model
        self._kept: OrderedDict[str, EncodedText] = OrderedDict()

    def __contains__(self, text: str) -> bool:
        return text in self._kept

    def encode(self, text: str) -> EncodedText:
        """Encode a text; raise BrokenImageError if the network produces NaN or infinity."""
        if text in self._kept:
            self._kept.move_to_end(text)
            return self._kept[text]
        tokenized = self._tokenizer(text)
        outputs = self._model(**as_expected(self._model, {"input_ids": tokenized.input_ids}))
        states = require_output(outputs, "last_hidden_state", "text encoder")
        require_finite(states, "The text encoder")
        encoded = EncodedText(
            # [1, 77, C] to [1, C, 1, 77]: Apple's U-Nets compute attention as 1x1 convolutions.
            hidden_states=states.transpose(0, 2, 1)[:, :, None, :],
            truncated_tokens=tokenized.truncated_tokens,
        )
        self._kept[text] = encoded
        while len(self._kept) > KEPT_TEXTS:
            self._kept.popitem(last=False)
        return encoded
