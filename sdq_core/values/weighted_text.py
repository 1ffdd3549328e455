"""Weights in prompts, by AUTOMATIC1111's grammar: which words count for how much.

| `(word:1.2)` | 1.2 |
| `(word)` | 1.1 |
| `[word]` | 1 / 1.1 |

Brackets may stand in brackets, and their weights multiply. One that is not closed reaches to the end; one that closes
nothing is text, as is what a backslash stands before. There is nothing else: `BREAK`, `AND` and `[a:b:0.5]` are words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sdq_core.errors import InputError
from sdq_core.printable import quote

MAX_WEIGHT = 100.0
#: Of one kind. Each may change the weight of all behind it, so the time grows with their number.
MAX_OPEN = 100

_STRONGER, _WEAKER = 1.1, 1 / 1.1
_WEIGHT = re.compile(r":\s*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))\s*\)")
_SPECIAL = re.compile(r"[\\()\[\]:]")
_OPENING = {")": "(", "]": "["}


@dataclass(frozen=True, kw_only=True)
class WeightedPart:
    """Text without syntax, and how much it counts: 1 for as much as without weights."""

    text: str
    weight: float


def weighted_parts(prompt: str) -> list[WeightedPart]:
    """Return a prompt's parts in their order, none of them empty.

    Raise InputError, with a clause, for a weight beyond `MAX_WEIGHT` and for more than `MAX_OPEN` open brackets.
    """
    reader = _Reader()
    position = 0
    while found := _SPECIAL.search(prompt, position):
        reader.add(prompt[position : found.start()])
        position = reader.take(prompt, found.start())
    reader.add(prompt[position:])
    return reader.parts()


def words_of(prompt: str) -> str:
    """Return a prompt without the syntax of weights; raise as `weighted_parts` does."""
    return "".join(part.text for part in weighted_parts(prompt))


class _Reader:
    """Collects texts; brackets multiply the weights of those inside."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._weights: list[float] = []
        self._open: dict[str, list[int]] = {"(": [], "[": []}

    def add(self, text: str) -> None:
        if text:
            self._texts.append(text)
            self._weights.append(1.0)

    def take(self, prompt: str, at: int) -> int:
        """Take the special character at a position, with what belongs to it; return the position behind."""
        character = prompt[at]
        if character == "\\":
            escaped = _SPECIAL.match(prompt, at + 1)
            text = escaped[0] if escaped and escaped[0] != ":" else ""
            self.add(text)
            return at + 1 + len(text)
        if character in self._open:
            self._open[character].append(len(self._texts))
            if len(self._open[character]) > MAX_OPEN:
                raise InputError(
                    f"more than {MAX_OPEN} brackets are open at once; write \\( for a bracket"
                )
            return at + 1
        weight = _WEIGHT.match(prompt, at)
        if weight and self._open["("]:
            self._multiply(self._open["("].pop(), float(weight[1]))
            return weight.end()
        opening = _OPENING.get(character)
        if opening and self._open[opening]:
            self._multiply(self._open[opening].pop(), _STRONGER if opening == "(" else _WEAKER)
        else:
            self.add(character)
        return at + 1

    def parts(self) -> list[WeightedPart]:
        """Close what is open, and put texts of one weight together."""
        for opening, by in (("(", _STRONGER), ("[", _WEAKER)):
            for start in self._open[opening]:
                self._multiply(start, by)
        parts: list[WeightedPart] = []
        for text, weight in zip(self._texts, self._weights, strict=True):
            if not abs(weight) <= MAX_WEIGHT:
                raise InputError(
                    f"{quote(text)} has a weight of {weight:g}; use -{MAX_WEIGHT:g} to {MAX_WEIGHT:g}"
                )
            before = parts.pop().text if parts and parts[-1].weight == weight else ""
            parts.append(WeightedPart(text=before + text, weight=weight))
        return parts

    def _multiply(self, start: int, by: float) -> None:
        for index in range(start, len(self._weights)):
            self._weights[index] *= by
