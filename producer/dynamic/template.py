r"""Templates: a prompt with choices, parsed.

Text without `{` or `__` is never parsed. In a template `\{`, `\}`, `\|`, `\$`, `\:` and `\_` are the characters
themselves; a backslash before anything else is a backslash.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from producer.dynamic.dice import Weights
from sdq_core.errors import InputError
from sdq_core.printable import quote

#: The most braces inside one another.
MAX_DEPTH = 20
#: The most options that one choice takes together, as in `{1-100$$...}`; counting them takes time in proportion.
MAX_TAKEN = 100
DEFAULT_SEPARATOR = ", "


@dataclass(frozen=True, slots=True)
class Words:
    """Text that stands as it is."""

    text: str


@dataclass(frozen=True, slots=True)
class Wildcard:
    """A place for one of the values of a wildcard.

    name: without its underscores; may contain ``*``.
    written: as in the template.
    """

    name: str
    written: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A place for one or several of some options, each at most once.

    low, high: how many; high may be more than there are.
    separator: between several.
    written: as in the template.
    """

    options: Options
    low: int
    high: int
    separator: str
    written: str


Part: TypeAlias = Words | Wildcard | Choice


@dataclass(frozen=True, slots=True)
class Option:
    """One thing to choose; weight: how often, compared with the others, more than 0."""

    parts: tuple[Part, ...]
    weight: float = 1.0


@dataclass(frozen=True)
class Options:
    """What there is to choose from."""

    each: tuple[Option, ...]

    @cached_property
    def weights(self) -> Weights:
        """Their weights."""
        return Weights([option.weight for option in self.each])


_ESCAPED = frozenset("{}|$:_")
#: A run of plain characters, or a single special one that means nothing where it stands.
_PLAIN = re.compile(r"[^\\{}|_$]+|.", re.DOTALL)
_WILDCARD = re.compile(r"__(?![\s_])([^{}|$\n]*?)__")
_NAME = re.compile(r"[^\s~@!./()=:;,\"'<>\\][^()=:;,\"'<>\\]*")
_BOUNDS = re.compile(
    r"\s*(?:([0-9]{1,6})|([0-9]{0,6})\s*-\s*([0-9]{0,6}))\s*\$\$(?:([^${}]*)\$\$)?"
)
_WEIGHT = re.compile(r"\s*([0-9]{1,9}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})::")


def is_template(text: str) -> bool:
    """Tell whether a text has to be parsed."""
    return "{" in text or "__" in text


def parse_template(text: str) -> tuple[Part, ...]:
    """Return a text's parts; raise InputError, a clause, for one that cannot be read."""
    if not is_template(text):
        return (Words(text),)
    return _Parser(text).parts(0)


def split_weight(text: str) -> tuple[float, str]:
    """Return the weight before a text, as in `2::blue`, and the text; 1 without one. Raise InputError for 0."""
    found = _WEIGHT.match(text)
    return (_weight(found), text[found.end() :]) if found else (1.0, text)


def _weight(found: re.Match[str]) -> float:
    weight = float(found[1])
    if weight == 0:
        raise InputError(
            f"the weight {quote(found[0].strip())} is 0; leave out what is never chosen"
        )
    return weight


class _Parser:
    """Reads a text from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def parts(self, depth: int) -> tuple[Part, ...]:
        """Read up to the end of an option, or of the text where depth is 0."""
        text = self._text
        found: list[Part] = []
        words: list[str] = []
        while self._at < len(text):
            character, after = text[self._at], text[self._at + 1 : self._at + 2]
            if character == "\\" and after and after in _ESCAPED:
                words.append(after)
                self._at += 2
                continue
            if depth and character in "|}":
                break
            part: Part | None = None
            if character == "{":
                part = self._choice(depth + 1)
            elif character == "$":
                self._check_dollar(after, depth)
            elif character == "_" and (wildcard := _WILDCARD.match(text, self._at)):
                part = Wildcard(_checked_name(wildcard[1]), wildcard[0])
                self._at = wildcard.end()
            if part is None:
                plain = _PLAIN.match(text, self._at)
                assert plain is not None
                words.append(plain[0])
                self._at = plain.end()
            else:
                if words:
                    found.append(Words("".join(words)))
                    words = []
                found.append(part)
        if words:
            found.append(Words("".join(words)))
        return tuple(found)

    def _choice(self, depth: int) -> Choice:
        text, start = self._text, self._at
        if depth > MAX_DEPTH:
            raise InputError(f"braces are nested more than {MAX_DEPTH} deep")
        self._at += 1
        if text[self._at : self._at + 1] in {"@", "~", "!"}:
            raise InputError(
                f"{quote(text[start : start + 2])} chooses a sampler, which sdq does not have; remove the "
                f"{text[self._at]}"
            )
        bounds = _BOUNDS.match(text, self._at)
        if bounds:
            self._at = bounds.end()
        options: list[Option] = []
        while True:
            weight = _WEIGHT.match(text, self._at)
            if weight:
                self._at = weight.end()
            options.append(Option(self.parts(depth), _weight(weight) if weight else 1.0))
            if self._at == len(text):
                raise InputError(
                    f"the brace at character {start + 1} is not closed; write \\{{ for a brace itself"
                )
            self._at += 1
            if text[self._at - 1] == "}":
                break
        written = text[start : self._at]
        if not written[1:-1].strip():
            raise InputError(
                f"{quote(written)} has nothing to choose; write \\{{\\}} for braces themselves"
            )
        low, high, separator = _bounds(bounds, len(options), written)
        return Choice(Options(tuple(options)), low, high, separator, written)

    def _check_dollar(self, after: str, depth: int) -> None:
        if after == "{":
            raise InputError(
                "${...} is a variable, which sdq does not have; write the choice where it is needed, or \\$ for a "
                "dollar sign"
            )
        if after == "$" and depth:
            raise InputError(
                "$$ needs a number or a range before it, as in {2$$red|blue|green}; write \\$ for a dollar sign"
            )


def _bounds(found: re.Match[str] | None, options: int, written: str) -> tuple[int, int, str]:
    """Return the fewest and the most options to take, and what joins them."""
    if found is None:
        return 1, 1, DEFAULT_SEPARATOR
    exact, first, last, separator = found.groups()
    if exact is not None:
        low = high = int(exact)
    else:
        # Without an end it is all of them; a lone wildcard may have any number of values.
        low = int(first) if first else 1
        high = int(last) if last else (options if options > 1 else MAX_TAKEN)
        low, high = sorted((low, high))
    if min(high, options if options > 1 else high) > MAX_TAKEN:
        raise InputError(f"{quote(written)} takes more than {MAX_TAKEN} together")
    return low, high, DEFAULT_SEPARATOR if separator is None else separator


def _checked_name(name: str) -> str:
    if "(" in name:
        raise InputError(
            f"{quote(f'__{name}__')} has parameters, which sdq does not read; write a wildcard for each"
        )
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{quote(f'__{name}__')} is not the name of a wildcard; write \\_ for an underscore itself"
        )
    return name.rstrip("/ ")
