"""CLIP's tokenizer: turns a prompt into the 77 token ids that the text encoder takes.

The ids equal those of transformers' CLIPTokenizer (the slow one without ftfy, as in Apple's command line): the text is
cleaned here, and the `tokenizers` library does the byte-pair encoding. Every prompt is valid: text that is not in the
vocabulary becomes the unknown token, and tokens beyond the limit are cut off and counted.
"""

from __future__ import annotations

import logging
import re
import unicodedata
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tokenizers
from numpy.typing import NDArray
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel, Sequence, Split

from sdq_core.errors import PackageError
from sdq_core.models.vocabulary import Vocabulary
from sdq_core.printable import quote
from sdq_core.values.weighted_text import WeightedPart, weighted_parts

#: What CLIP reads as one word, once the text is lower case (OpenAI's simple_tokenizer.py).
WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
#: Blocks of Chinese characters; each character is a word.
IDEOGRAPHS = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class TokenizedPrompt:
    """A prompt as tokens.

    input_ids: int64 [1, 77]: start, prompt, end, padding.
    truncated_tokens: how many did not fit.
    weights: float32 [77], 1 where nothing else is asked for.
    """

    input_ids: NDArray[np.int64]
    truncated_tokens: int
    weights: NDArray[np.float32]


class ClipTokenizer:
    """A vocabulary and its merges, ready to use; keeps no state between prompts."""

    def __init__(
        self, folder: Path, embedded_tokens: int | None = None, *, pad_token: str | None = None
    ) -> None:
        """Read a tokenizer's folder; raise PackageError for missing or damaged files.

        embedded_tokens: how many tokens the text encoder knows. Added tokens beyond it are spelled out, with a warning.
        pad_token: fills short prompts up in place of the folder's own.
        """
        words = Vocabulary.read(folder)
        if pad_token is not None:
            words = replace(words, special={**words.special, "pad_token": pad_token})
        self._bos, self._eos, self._pad = (
            words.number(words.special[key]) for key in ("bos_token", "eos_token", "pad_token")
        )
        self.max_length = words.max_length
        self._added = {
            token: number
            for token, number in words.added.items()
            if embedded_tokens is None or number < embedded_tokens
        }
        if lost := sorted(words.added.keys() - self._added.keys()):
            log.warning(
                "The text encoder knows %d tokens, but %s numbers some higher: %s. They are spelled out in prompts. "
                "Convert the text encoder again with the textual inversion in it.",
                embedded_tokens, folder, ", ".join(map(quote, lost[:5])),
            )  # fmt: skip
        # As transformers does: the leftmost and of those the longest, before the text is cleaned.
        self._split = re.compile(
            f"({'|'.join(re.escape(token) for token in sorted(self._added, key=len, reverse=True))})"
        )
        try:
            self._tokenizer = _byte_pair_encoding(words)
        # The library raises bare Exception for errors of its Rust side.
        except Exception as error:
            raise PackageError(
                f"The tokenizer in {folder} cannot be used ({error}). "
                "Put the vocab.json and merges.txt of the model's own repository there."
            ) from error

    def __call__(
        self, prompt: str, *, padding: int | None = None, weighted: bool = False
    ) -> TokenizedPrompt:
        """Encode one prompt, which may be empty.

        padding: the token to pad with, None for the tokenizer's own.
        weighted: its brackets say what its words weigh. Parts of different weight are encoded each on its own.
        """
        parts = weighted_parts(prompt) if weighted else [WeightedPart(text=prompt, weight=1.0)]
        ids: list[int] = []
        weights = np.ones(self.max_length, np.float32)
        room = self.max_length - 2
        for part in parts:
            before = len(ids)
            ids += self._ids(part.text)
            weights[1 + before : 1 + min(len(ids), room)] = part.weight
        row = [self._bos, *ids[:room], self._eos]
        row += [self._pad if padding is None else padding] * (self.max_length - len(row))
        return TokenizedPrompt(
            input_ids=np.array([row], np.int64),
            truncated_tokens=max(len(ids) - room, 0),
            weights=weights,
        )

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = []
        for piece in self._split.split(text) if self._added else [text]:
            if piece in self._added:
                ids.append(self._added[piece])
            else:
                ids += self._tokenizer.encode(_clean(piece), add_special_tokens=False).ids
        return ids


def _byte_pair_encoding(words: Vocabulary) -> tokenizers.Tokenizer:
    model = BPE(
        vocab=dict(words.vocab),
        merges=list(words.merges),
        unk_token=words.special["unk_token"],
        continuing_subword_prefix="",
        end_of_word_suffix="</w>",
        fuse_unk=False,
    )
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = Sequence(
        [
            Split(tokenizers.Regex(WORDS), behavior="removed", invert=True),
            ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    # Stable Diffusion 2 and the second encoder of XL pad with "!", so every "!" of a prompt becomes the padding token,
    # as in transformers; Apple's Swift encodes it.
    tokenizer.add_special_tokens(sorted(set(words.special.values()) & words.vocab.keys()))
    return tokenizer


def _clean(text: str) -> str:
    """Clean a prompt as transformers' BasicTokenizer does: lower-case words with one space between them."""
    kept = []
    for character in text:
        # Check for whitespace first: tab and newline are control characters too.
        if character in " \t\n\r" or unicodedata.category(character) == "Zs":
            kept.append(" ")
        elif character == "\ufffd" or unicodedata.category(character).startswith("C"):
            continue
        elif any(first <= ord(character) <= last for first, last in IDEOGRAPHS):
            kept.append(f" {character} ")
        else:
            kept.append(character)
    normal = unicodedata.normalize("NFC", "".join(kept))
    # Word by word, because lower case depends on where a word ends (the Greek final sigma).
    return " ".join(word.lower() for word in normal.split())
