"""Reads conditions: a parser that looks one word ahead."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from db.columns.named import Named, take_named
from db.columns.where.comparing import EQUALITY, FLIPPED, ORDER, PATTERN, Comparing
from db.columns.where.literals import Literal, is_literal, take_literal
from db.columns.where.tree import Condition, Joined, Missing, Not
from db.columns.where.where import Where
from db.columns.words import WordKind, Words

#: Parentheses and `not` within each other; each takes a few of Python's 1,000 frames, here and at every image.
_MAX_DEPTH = 50
_SIGNS = (*EQUALITY, *ORDER, *PATTERN)


def parse_where(text: str, *, now: datetime | None = None) -> Where:
    """Return the condition that a text says (the language: `db.columns.where`).

    Raise UsageError, which shows the place, for a text that is no condition, unknown columns, and values of another
    kind than their column's.

    now: aware, what times of day and durations count back from; None for the present.
    """
    words = Words(text, of="The condition")
    if words.peek().kind is WordKind.END:
        raise words.refused(words.peek(), "it is empty; write one such as steps >= 30")
    condition = _Reader(words, now or datetime.now(UTC)).whole()
    columns = frozenset(named.column.name for named in condition.names())
    return Where(text=text, columns=columns, condition=condition)


class _Reader:
    def __init__(self, words: Words, now: datetime) -> None:
        self._words = words
        self._now = now
        self._comparing = Comparing(words, now)

    def whole(self) -> Condition:
        condition = self._any_of(0)
        last = self._words.peek()
        if last.is_one_of(*_SIGNS):
            raise self._words.refused(
                last, "one comparison is written at a time, as steps >= 20 and steps <= 30"
            )
        if last.kind is not WordKind.END:
            raise self._words.unexpected(last, "and, or, or the end")
        return condition

    def _any_of(self, depth: int) -> Condition:
        return self._joined("or", self._all_of, depth, settled_by=True)

    def _all_of(self, depth: int) -> Condition:
        return self._joined("and", self._each, depth, settled_by=False)

    def _joined(
        self, word: str, part: Callable[[int], Condition], depth: int, *, settled_by: bool
    ) -> Condition:
        parts = [part(depth)]
        while self._words.take_if(word):
            parts.append(part(depth))
        return Joined(tuple(parts), settled_by) if len(parts) > 1 else parts[0]

    def _each(self, depth: int) -> Condition:
        word = self._words.peek()
        if depth > _MAX_DEPTH:
            raise self._words.refused(word, "it is nested too deeply")
        if self._words.take_if("not"):
            return Not(self._each(depth + 1))
        if self._words.take_if("("):
            inner = self._any_of(depth + 1)
            end = self._words.take()
            if not end.is_one_of(")"):
                raise self._words.unexpected(end, "and, or, or )")
            return inner
        return self._value_first() if is_literal(word) else self._column_first()

    def _value_first(self) -> Condition:
        literal = take_literal(self._words, self._now)
        sign = self._words.take()
        if sign.is_one_of(*FLIPPED):
            named = take_named(self._words)
            return self._comparing.by_sign(named, sign, FLIPPED[sign.text], literal)
        negated = sign.is_one_of("not")
        if negated:
            sign = self._words.take()
        if not sign.is_one_of("in"):
            raise self._words.unexpected(sign, "a comparison, or in")
        named = take_named(self._words)
        having = self._comparing.having(named, sign, literal)
        return having if not negated else _otherwise(named, having)

    def _column_first(self) -> Condition:
        first = self._words.peek()
        named = take_named(self._words)
        sign = self._words.peek()
        if self._words.take_if(*_SIGNS):
            literal = take_literal(self._words, self._now)
            return self._comparing.by_sign(named, sign, sign.text, literal)
        if self._words.take_if("has"):
            literal = take_literal(self._words, self._now)
            return self._comparing.having(named, sign, literal)
        if self._words.take_if("is"):
            return self._missing(named)
        if self._words.take_if("in"):
            return self._comparing.among(named, sign, self._list())
        if self._words.take_if("not"):
            within = self._words.take()
            if not within.is_one_of("in"):
                raise self._words.unexpected(within, "in")
            return _otherwise(named, self._comparing.among(named, sign, self._list()))
        return self._comparing.alone(named, first)

    def _missing(self, named: Named) -> Condition:
        negated = self._words.take_if("not")
        word = self._words.take()
        if not word.is_one_of("null"):
            raise self._words.unexpected(word, "null")
        return Not(Missing(named)) if negated else Missing(named)

    def _list(self) -> list[Literal]:
        begin = self._words.take()
        if not begin.is_one_of("("):
            raise self._words.unexpected(begin, "a list in parentheses, such as (1, 2),")
        literals = [take_literal(self._words, self._now)]
        while self._words.take_if(","):
            literals.append(take_literal(self._words, self._now))
        end = self._words.take()
        if not end.is_one_of(")"):
            raise self._words.unexpected(end, "a comma or )")
        return literals


def _otherwise(named: Named, condition: Condition) -> Condition:
    """Return a condition's opposite for what has a value, which `not in` asks."""
    return Joined((Not(Missing(named)), Not(condition)), settled_by=False)
