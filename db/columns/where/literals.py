"""Values in conditions: numbers, texts in quotes, true and false, times."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from db.columns.column import Kind
from db.columns.named import Named
from db.columns.words import Word, WordKind, Words, shortened
from sdq_core.values.guesses import did_you_mean
from sdq_core.values.moments import read_moment

Value = str | int | float | bool | datetime

#: More digits than any number in a ledger has.
_MAX_NUMBER_CHARACTERS = 40

_KINDS: dict[Kind, str] = {
    Kind.TEXT: "a text, in quotes",
    Kind.INTEGER: "a number",
    Kind.NUMBER: "a number",
    Kind.BOOLEAN: "true or false",
    Kind.TIME: "a time, such as 2026-11-25, 22:00 or 12h",
}


@dataclass(frozen=True, kw_only=True)
class Literal:
    """A value, and the word that it was written as."""

    value: Value
    word: Word


def is_literal(word: Word) -> bool:
    """Tell whether a word is a value."""
    return word.kind in {WordKind.TEXT, WordKind.NUMBER, WordKind.TIME} or word.is_one_of(
        "true", "false"
    )


def take_literal(words: Words, now: datetime) -> Literal:
    """Take a value. now: what times of day and durations count back from."""
    word = words.take()
    if not is_literal(word):
        if word.is_one_of("null"):
            raise words.refused(word, "write is null, or is not null")
        if word.kind is WordKind.NAME:
            raise words.refused(word, f"a text is written in quotes, as '{shortened(word.text)}'")
        raise words.unexpected(word, "a value")
    return Literal(value=_value(words, word, now), word=word)


def fitted(words: Words, named: Named, literal: Literal, now: datetime) -> Value:
    """Return a value as a column's own are compared with it; raise UsageError for one of another kind."""
    value = literal.value
    if isinstance(value, str) and named.kind is Kind.TIME:
        moment = read_moment(value, now)
        if moment is not None:
            return moment
    if isinstance(value, str) and named.kind is Kind.TEXT and named.column.words:
        return _known_word(words, named, literal, value)
    if named.kind is None:
        if isinstance(value, datetime):
            raise words.refused(
                literal.word,
                f"{named.name} holds texts: write '{literal.word.text}' in quotes",
            )
        return value
    if not isinstance(value, _TYPES[named.kind]) or (
        isinstance(value, bool) and named.kind is not Kind.BOOLEAN
    ):
        raise words.refused(literal.word, f"{named.name} is compared with {_KINDS[named.kind]}")
    return value


def _known_word(words: Words, named: Named, literal: Literal, value: str) -> str:
    known = named.column.words
    if value.lower() not in known:
        shown = sorted(set(known.values()))
        guess = did_you_mean(value, [*known, *shown], shown)
        raise words.refused(
            literal.word, f"{named.name} is never {shortened(literal.word.text)}{guess}"
        )
    return known[value.lower()]


_TYPES: dict[Kind, type | tuple[type, ...]] = {
    Kind.TEXT: str,
    Kind.INTEGER: (int, float),
    Kind.NUMBER: (int, float),
    Kind.BOOLEAN: bool,
    Kind.TIME: datetime,
}


def _value(words: Words, word: Word, now: datetime) -> Value:
    if word.kind is WordKind.TEXT:
        return word.unquoted
    if word.kind is WordKind.NAME:
        return word.is_one_of("true")
    if word.kind is WordKind.NUMBER:
        return _number(words, word)
    moment = read_moment(word.text, now)
    if moment is None:
        raise words.refused(word, f"{word.text} is not a time")
    return moment


def _number(words: Words, word: Word) -> int | float:
    if len(word.text) > _MAX_NUMBER_CHARACTERS:
        raise words.refused(word, "the number is too long")
    try:
        return int(word.text)
    except ValueError:
        number = float(word.text)
    if not math.isfinite(number):
        raise words.refused(word, "the number is too large")
    return number
