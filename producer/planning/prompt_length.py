"""Which prompts are longer than a text encoder reads, known before anything is queued.

Counts CLIP's tokens with the model's own merges, in plain Python: a machine that only submits has no tokenizer
installed. Approximate for special tokens written out in a prompt,
which count by their letters, and for words of more than a hundred. The worker's own
count goes into each image's row.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path

from sdq_core.values.weighted_text import weighted_parts

#: Positions of every Stable Diffusion's CLIP, with the start and the end token.
MAX_TOKENS = 77
_ROOM = MAX_TOKENS - 2
#: As many merges as CLIP was trained with (see `worker.pipelines.tokenizer`).
_MOST_MERGES = 49152 - 256 - 2
#: A longer one is counted in pieces, because the time to join its bytes grows with their square.
_LONG_WORD_CHARS = 100
_IDEOGRAPH = "[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002ceaf\U0002f800-\U0002fa1f]"
_WORDS = re.compile(rf"'s|'t|'re|'ve|'m|'ll|'d|{_IDEOGRAPH}|[^\W_]+|(?:[^\s\w]|_)+")


@lru_cache(maxsize=100)  # one negative prompt for all lines
def cut_after(prompt: str, tokenizer: Path, *, weighted: bool = False) -> str | None:
    """Return what a text encoder reads of a prompt that is too long for it, None if it reads all of it.

    weighted: weights count in it, and their syntax is not text.
    tokenizer: the folder of `merges.txt`; one that cannot be read counts nothing, because the worker will say so.
    """
    if len(prompt.encode()) <= _ROOM:  # a token is at least a byte
        return None
    ranks = _merges(tokenizer)
    if ranks is None:
        return None
    total, before = 0, ""
    for part in [part.text for part in weighted_parts(prompt)] if weighted else [prompt]:
        text = unicodedata.normalize("NFC", re.sub("[\u200c\u200d]", "", part)).lower()
        read = 0
        for word, end in _words(text):
            total += _count(word, tokenizer)
            if total > _ROOM:
                return before + text[:read]
            read = end
        before += text
    return None


def _words(text: str) -> Iterator[tuple[str, int]]:
    """Yield what CLIP reads as one word, and where it ends: letters, a single digit, or a run of other characters."""
    for found in _WORDS.finditer(text):
        word, end = found[0], found.end()
        if word.isalpha() or not any(map(str.isnumeric, word)):
            yield word, end
            continue
        for piece in re.finditer(r"[^\W\d]+|.", word):
            # A half or a square is a number to CLIP and a letter to `re`.
            for part in [piece[0]] if piece[0].isalpha() else piece[0]:
                yield part, end


@cache
def _merges(tokenizer: Path) -> Mapping[tuple[str, str], int] | None:
    try:
        lines = (tokenizer / "merges.txt").read_text(encoding="utf-8").strip().split("\n")
    except (OSError, UnicodeDecodeError):
        return None
    pairs = [tuple(line.split()) for line in lines[1 : _MOST_MERGES + 1]]
    return {(pair[0], pair[1]): rank for rank, pair in enumerate(pairs) if len(pair) == 2}


@lru_cache(maxsize=100_000)
def _count(word: str, tokenizer: Path) -> int:
    """Count a word's tokens: its bytes, joined by the merges, the earliest first."""
    if len(word) > _LONG_WORD_CHARS:
        head, tail = word[:_LONG_WORD_CHARS], word[_LONG_WORD_CHARS : _ROOM * _LONG_WORD_CHARS]
        return _count(head, tokenizer) + sum(
            _count(tail[start : start + _LONG_WORD_CHARS], tokenizer)
            for start in range(0, len(tail), _LONG_WORD_CHARS)
        )
    ranks = _merges(tokenizer) or {}
    parts = [_LETTERS[byte] for byte in word.encode()]
    parts[-1] += "</w>"
    while len(parts) > 1:
        pairs = list(pairwise(parts))
        best = min(pairs, key=lambda pair: ranks.get(pair, len(ranks)))
        if best not in ranks:
            break
        joined: list[str] = []
        for part in parts:
            if joined and (joined[-1], part) == best:
                joined[-1] += part
            else:
                joined.append(part)
        parts = joined
    return len(parts)


def _letters() -> list[str]:
    """Return the letter that stands for each byte in a byte-level vocabulary (GPT-2's table)."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    letters = {byte: chr(byte) for byte in shown}
    for byte in range(256):
        if byte not in letters:
            letters[byte] = chr(256 + len(letters) - len(shown))
    return [letters[byte] for byte in range(256)]


_LETTERS = _letters()
