"""Encodes texts to what the U-Net attends to, each text once."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sdq_core.models.check import POOLED, check_text_encoder
from sdq_core.models.families import Family
from worker.pipelines.arrays import as_expected, declared, require_finite, require_output
from worker.pipelines.tokenizer import ClipTokenizer
from worker.pipelines.weighing import weighed
from worker.runtimes.contract import LoadedModel

#: The most recent prompt and negative prompt: the seeds of one prompt follow each other, and so do the prompts of one
#: negative prompt.
KEPT_TEXTS = 2


class Text(NamedTuple):
    """What is encoded. weighted: its brackets say what its words weigh."""

    words: str
    weighted: bool = False


@dataclass(frozen=True, kw_only=True)
class EncodedText:
    """A text as the U-Net attends to it.

    hidden_states: [1, C, 1, 77].
    pooled: the text as a whole, [1, C]; None if the network does not give it.
    truncated_tokens: how many tokens did not fit.
    """

    hidden_states: NDArray[np.floating[Any]]
    pooled: NDArray[np.floating[Any]] | None
    truncated_tokens: int


class TextEncoder:
    """A tokenizer and the text encoder's network; the last texts are kept."""

    def __init__(self, tokenizer: ClipTokenizer, model: LoadedModel, family: Family) -> None:
        """Raise PackageError if the network does not take the tokenizer's output."""
        check_text_encoder(declared(model, "The text encoder"), tokenizer.max_length, family)
        self._tokenizer = tokenizer
        self._model = model
        self._family = family
        self._kept: OrderedDict[Text, EncodedText] = OrderedDict()

    def __contains__(self, text: Text) -> bool:
        return text in self._kept

    def encode(self, text: Text) -> EncodedText:
        """Encode a text; raise BrokenImageError if the network produces NaN or infinity."""
        if text in self._kept:
            self._kept.move_to_end(text)
            return self._kept[text]
        tokenized = self._tokenizer(text.words, weighted=text.weighted)
        outputs = self._model(**as_expected(self._model, {"input_ids": tokenized.input_ids}))
        states = require_output(outputs, self._family.hidden_states, "text encoder")
        states = weighed(states, tokenized.weights, keep_mean=self._family.keeps_mean)
        pooled = outputs.get(POOLED)
        for values in (states, pooled):
            if values is not None:
                require_finite(values, "The text encoder")
        encoded = EncodedText(
            # [1, 77, C] to [1, C, 1, 77]: Apple's U-Nets compute attention as 1x1 convolutions.
            hidden_states=states.transpose(0, 2, 1)[:, :, None, :],
            pooled=pooled,
            truncated_tokens=tokenized.truncated_tokens,
        )
        self._kept[text] = encoded
        while len(self._kept) > KEPT_TEXTS:
            self._kept.popitem(last=False)
        return encoded
