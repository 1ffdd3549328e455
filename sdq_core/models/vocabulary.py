"""A CLIP tokenizer's files: the vocabulary and its merges, and the tokens that are special or were added.

Read as transformers' CLIPTokenizer reads them, without the library that encodes, so that a machine that only submits
can check them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdq_core.errors import PackageError
from sdq_core.models.json_file import read_object
from sdq_core.models.unreadable import reason
from sdq_core.printable import quote

#: merges.txt has more merges than CLIP was trained with: transformers reads this many lines after the first.
MOST_MERGES = 49152 - 256 - 2


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """What a tokenizer's folder says.

    vocab: token -> its number.
    merges: pairs of tokens, the first to be merged first.
    special: `bos_token`, `eos_token`, `pad_token`, `unk_token` -> token.
    added: tokens that are taken whole from a prompt, as they are written -> their numbers.
    max_length: tokens of a prompt, with start and end.
    """

    vocab: Mapping[str, int]
    merges: Sequence[tuple[str, str]]
    special: Mapping[str, str]
    added: Mapping[str, int]
    max_length: int

    @classmethod
    def read(cls, folder: Path) -> Vocabulary:
        """Read `vocab.json` and `merges.txt`, and the files with special and added tokens if they exist.

        Raises PackageError for missing or damaged files.
        """
        vocab = _read_json(folder / "vocab.json")
        special, added = _special_tokens(folder), _added_tokens(folder)
        absent = {token for token in special.values() if token not in vocab and token not in added}
        # What is unknown is encoded with the vocabulary itself.
        if special["unk_token"] not in vocab:
            absent.add(special["unk_token"])
        if absent:
            raise PackageError(
                f"{folder / 'vocab.json'} lacks the special token {quote(min(absent))}. "
                "Put the tokenizer folder of the model's own repository there."
            )
        wrong = next((token for token, number in vocab.items() if type(number) is not int), None)
        if wrong is not None:
            raise PackageError(
                f"{folder / 'vocab.json'} has no number for {quote(wrong)}. "
                "Put the tokenizer folder of the model's own repository there."
            )
        within = {token for token in special.values() if token in vocab}
        return cls(
            vocab=vocab,
            merges=_merges(folder),
            special=special,
            added={token: number for token, number in added.items() if token not in within},
            max_length=_max_length(folder),
        )

    def number(self, token: str) -> int:
        """Return a special token's number."""
        return self.vocab[token] if token in self.vocab else self.added[token]


def _merges(folder: Path) -> list[tuple[str, str]]:
    path = folder / "merges.txt"
    try:
        lines = path.read_text(encoding="utf-8").strip().split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise PackageError(
            f"{path} cannot be read ({reason(error)}). Put the model's own merges.txt there."
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
    return read_object(path, "Put the tokenizer folder of the model's own repository there.")
