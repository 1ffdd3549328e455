"""From a template to its prompts: one at random, or all of them in order."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations, product

from producer.dynamic.dice import Dice
from producer.dynamic.measure import Measure, Measurer, Values, lone_wildcard, taken
from producer.dynamic.template import Choice, Options, Part, Wildcard, Words, parse_template
from sdq_core.errors import InputError
from sdq_core.values.limits import MAX_TEXT_CHARS

#: What was chosen for each choice and wildcard, as written in the template, in order; the outer one first.
Chosen = tuple[tuple[str, str], ...]

_SPACES = re.compile(r"[ \t]{2,}")
#: A longer choice is cut in the record of what was chosen; the template is recorded in full.
_WRITTEN_CHARS = 200


@dataclass(frozen=True, slots=True)
class Made:
    """One prompt of a template, and what was chosen for it."""

    text: str
    chosen: Chosen = ()


class Templates:
    """Makes prompts of templates over one folder of wildcards; each template is parsed and measured once."""

    def __init__(self, wildcards: Values) -> None:
        self._wildcards = wildcards
        self._measurer = Measurer(wildcards)
        # Lines often repeat; a million different ones must not stay in memory.
        self._parsed = lru_cache(maxsize=10_000)(self._parse)

    def measure(self, text: str) -> Measure:
        """Measure a template; raise InputError, a clause, for one that cannot be made into prompts."""
        return self._parsed(text)[1]

    def one(self, text: str, *, seed: int, image_seed: int) -> Made:
        """Return a template's prompt for an image, which these three determine; raise InputError if it is too long."""
        parts, _ = self._parsed(text)
        chosen: list[tuple[str, str]] = []
        made = self._draw(parts, Dice(seed, text, image_seed), chosen)
        return Made(_tidy(made), tuple(chosen))

    def all(self, text: str) -> Iterator[Made]:
        """Yield a template's prompts, as many as were measured; the last choice changes first."""
        parts, _ = self._parsed(text)
        for made in self._sequence(parts):
            yield Made(_tidy(made.text), made.chosen)

    def _parse(self, text: str) -> tuple[tuple[Part, ...], Measure]:
        parts = parse_template(text)
        return parts, self._measurer.measure(parts)

    def _options(self, part: Wildcard | Choice) -> Options:
        lone = lone_wildcard(part)
        if lone is not None:
            return self._wildcards.of(lone.name)
        assert isinstance(part, Choice)
        return part.options

    def _draw(self, parts: Sequence[Part], dice: Dice, chosen: list[tuple[str, str]]) -> str:
        texts = []
        for part in parts:
            if isinstance(part, Words):
                texts.append(part.text)
                continue
            options = self._options(part)
            place = len(chosen)
            chosen.append(("", ""))
            low, high = taken(part, len(options.each))
            count = low if low == high else dice.between(low, high)
            text = _joined(
                part,
                [
                    self._draw(options.each[at].parts, dice, chosen)
                    for at in dice.take(options.weights, count)
                ],
            )
            chosen[place] = _record(part, text)
            texts.append(text)
        return "".join(texts)

    def _sequence(self, parts: Sequence[Part]) -> Iterator[Made]:
        for one in product(*(list(self._place(part)) for part in parts)):
            if len(one) == 1:
                yield one[0]
            else:
                yield Made(
                    "".join(made.text for made in one),
                    tuple(c for made in one for c in made.chosen),
                )

    def _place(self, part: Part) -> Iterator[Made]:
        if isinstance(part, Words):
            yield Made(part.text)
            return
        options = self._options(part)
        low, high = taken(part, len(options.each))
        all_of = [list(self._sequence(option.parts)) if high else [] for option in options.each]
        for count in range(low, high + 1):
            for some in permutations(all_of, count):
                for one in product(*some):
                    text = _joined(part, [made.text for made in one])
                    inner = (c for made in one for c in made.chosen)
                    yield Made(text, (_record(part, text), *inner))


def _joined(part: Wildcard | Choice, texts: Sequence[str]) -> str:
    if len(texts) == 1:
        return texts[0]
    separator = part.separator if isinstance(part, Choice) else ""
    return separator.join(text.strip() for text in texts)


def _record(part: Wildcard | Choice, text: str) -> tuple[str, str]:
    written = part.written
    if len(written) > _WRITTEN_CHARS:
        written = f"{written[: _WRITTEN_CHARS - 3]}..."
    return written, _tidy(text)


def _tidy(text: str) -> str:
    """Return a text without the spaces that an empty option leaves; they mean nothing to a model."""
    if len(text) > MAX_TEXT_CHARS:
        raise InputError(f"a prompt of more than {MAX_TEXT_CHARS:,} characters comes of it")
    return _SPACES.sub(" ", text).strip(" \t")
