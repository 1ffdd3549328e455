"""CLIP's tokenizer: turns a prompt into the 77 token ids that the text encoder takes.

The ids equal those of transformers' CLIPTokenizer (the slow one without ftfy, as in Apple's command line): the text is
cleaned here, and the `tokenizers` library does the byte-pair encoding. Every prompt is valid: text that is not in the
vocabulary becomes the unknown token, and tokens beyond the limit are cut off and counted.
"""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers
from numpy.typing import NDArray
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel, Sequence, Split

from sdq_core.errors import PackageError

#: What CLIP reads as one word, once the text is lower case (OpenAI's simple_tokenizer.py).
WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
#: merges.txt has more merges than CLIP was trained with: transformers reads this many lines after the first.
MOST_MERGES = 49152 - 256 - 2
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


@dataclass(frozen=True, kw_only=True)
class TokenizedPrompt:
    """A prompt as tokens.

    input_ids: int64 [1, 77]: start, prompt, end, padding.
    truncated_tokens: how many did not fit.
    """

    input_ids: NDArray[np.int64]
    truncated_tokens: int


class ClipTokenizer:
    """A vocabulary and its merges, ready to use; keeps no state between prompts."""

    def __init__(self, folder: Path) -> None:
        """Read `vocab.json` and `merges.txt`, and the files with special and added tokens if they exist.

        Raises PackageError for missing or damaged files.
        """
        vocab = _read_json(folder / "vocab.json")
        special = _special_tokens(folder)
        absent = sorted({token for token in special.values() if token not in vocab})
        if absent:
            raise PackageError(
                f"{folder / 'vocab.json'} lacks the special token {absent[0]!r}. "
                "Put the tokenizer folder of the model's own repository there."
            )
        self._bos, self._eos, self._pad = (
            int(vocab[special[key]]) for key in ("bos_token", "eos_token", "pad_token")
        )
        self.max_length = _max_length(folder)
        added = _added_tokens(folder)
        self._added = {
            token: number for token, number in added.items() if token not in special.values()
        }
        # As transformers does: the leftmost, the longest of those; and before the text is cleaned, so as it is written.
        self._split = re.compile(
            f"({'|'.join(re.escape(token) for token in sorted(self._added, key=len, reverse=True))})"
        )
        try:
            self._tokenizer = _byte_pair_encoding(vocab, _merges(folder), special)
        # The library raises bare Exception for errors of its Rust side.
        except Exception as error:
            raise PackageError(
                f"The tokenizer in {folder} cannot be used ({error}). "
                "Put the vocab.json and merges.txt of the model's own repository there."
            ) from error

    def __call__(self, prompt: str) -> TokenizedPrompt:
        """Encode one prompt, which may be empty."""
        pieces = self._split.split(prompt) if self._added else [prompt]
        ids: list[int] = []
        for piece in pieces:
            if piece in self._added:
                ids.append(self._added[piece])
            else:
                ids += self._tokenizer.encode(_clean(piece), add_special_tokens=False).ids
        room = self.max_length - 2
        row = [self._bos, *ids[:room], self._eos]
        row += [self._pad] * (self.max_length - len(row))
        return TokenizedPrompt(
            input_ids=np.array([row], np.int64), truncated_tokens=max(len(ids) - room, 0)
        )


def _byte_pair_encoding(
    vocab: dict[str, int], merges: list[tuple[str, str]], special: dict[str, str]
) -> tokenizers.Tokenizer:
    model = BPE(
        vocab=vocab,
        merges=merges,
        unk_token=special["unk_token"],
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
    # Stable Diffusion 2 pads with "!", so every "!" of a prompt becomes the padding token, as in transformers.
    tokenizer.add_special_tokens(sorted(set(special.values())))
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


def _merges(folder: Path) -> list[tuple[str, str]]:
    path = folder / "merges.txt"
    try:
        lines = path.read_text(encoding="utf-8").strip().split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise PackageError(
            f"{path} cannot be read ({error}). Put the model's own merges.txt there."
        ) from error
    pairs = [tuple(line.split()) for line in lines[1 : MOST_MERGES + 1]]
    if any(len(pair) != 2 for pair in pairs):
        raise PackageError(
            f"{path} has a line that is not two tokens. Put the model's own merges.txt there."
        )
    return [(left, right) for left, right in pairs]


def _special_tokens(folder: Path) -> dict[str, str]:
    """Return the four special tokens, looked up as transformers does.

    `special_tokens_map.json` wins over `tokenizer_config.json`, unless the latter has ``added_tokens_decoder``, as
    newer versions of transformers write it.
    """
    tokens = dict.fromkeys(("unk_token", "eos_token", "pad_token"), "<|endoftext|>")
    tokens["bos_token"] = "<|startoftext|>"
    config = _read_json(folder / "tokenizer_config.json", optional=True)
    sources = [config]
    if "added_tokens_decoder" not in config:
        sources.append(_read_json(folder / "special_tokens_map.json", optional=True))
    for source in sources:
        for key in tokens:
            value = source.get(key)
            if isinstance(value, dict):
                value = value.get("content")
            if isinstance(value, str):
                tokens[key] = value
    return tokens


def _added_tokens(folder: Path) -> dict[str, int]:
    """Return the tokens that were added to the vocabulary, by textual inversion for example, with their ids.

    ``added_tokens_decoder`` of `tokenizer_config.json` wins over `added_tokens.json`, which older versions of
    transformers write.
    """
    path = folder / "tokenizer_config.json"
    decoder = _read_json(path, optional=True).get("added_tokens_decoder")
    if decoder is None:
        path = folder / "added_tokens.json"
        added: dict[Any, Any] = _read_json(path, optional=True)
    else:
        try:
            added = {entry["content"]: int(number) for number, entry in decoder.items()}
        except (AttributeError, KeyError, TypeError, ValueError):
            added = {"": None}
    if not all(
        isinstance(token, str) and token and type(number) is int and number >= 0
        for token, number in added.items()
    ):
        raise PackageError(
            f"{path} does not say which token has which number. Put the model's own file there."
        )
    return added


def _max_length(folder: Path) -> int:
    value = _read_json(folder / "tokenizer_config.json", optional=True).get("model_max_length")
    # Some files have 1e30 for "no limit"; every Stable Diffusion's CLIP has 77 positions.
    return int(value) if isinstance(value, int) and 2 < value <= 1024 else 77


def _read_json(path: Path, *, optional: bool = False) -> dict[str, Any]:
    if optional and not path.exists():
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PackageError(
            f"{path} cannot be read ({error}). "
            "Put the tokenizer folder of the model's own repository there."
        ) from error
    if not isinstance(value, dict):
        raise PackageError(
            f"{path} is not a JSON object. Put the tokenizer folder of the model's own repository there."
        )
    return value
