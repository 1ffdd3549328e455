"""Comparisons of a column's values with values: which ones there are for each kind, and what they mean."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from db.columns.column import Kind
from db.columns.named import Named
from db.columns.where.literals import Literal, Value, fitted
from db.columns.where.patterns import found_in
from db.columns.where.tree import Comparison, Condition, Holds
from db.columns.words import Word, Words
from sdq_core.errors import InputError

EQUALITY = ("=", "==", "!=", "<>")
ORDER = ("<", "<=", ">", ">=")
PATTERN = ("~", "=~", "!~")
#: The same comparison with its sides the other way round.
FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", **{sign: sign for sign in EQUALITY}}

_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_NUMBER = re.compile(r"\s*[+-]?[0-9]{1,30}(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,3})?\s*")


class Comparing:
    """Makes comparisons; each raises UsageError for what cannot be compared. now: aware, what times count back from."""

    def __init__(self, words: Words, now: datetime) -> None:
        self._words = words
        self._now = now

    def by_sign(self, named: Named, sign: Word, text: str, literal: Literal) -> Condition:
        """Compare with one value. text: the sign as it is meant."""
        if text in PATTERN:
            return self._matching(named, sign, text, literal)
        self._refuse_whole(named, sign)
        if text in ORDER and named.kind is Kind.BOOLEAN:
            raise self._words.refused(
                sign, f"{named.name} is true or false: write it alone, or with not"
            )
        if text in EQUALITY and named.kind is Kind.TIME:
            raise self._words.refused(
                sign,
                "a time is a moment, and hardly ever equal: write >= and < with the beginning and the end",
            )
        value = self._fitted(named, literal)
        if text in ORDER and isinstance(value, bool):
            raise self._words.refused(literal.word, "true and false have no order")
        compare = _OPERATORS[text]
        if named.kind is None:
            return Comparison(named, _of_own_value(compare, value))
        return Comparison(named, lambda found: compare(found, value))

    def among(self, named: Named, sign: Word, literals: Sequence[Literal]) -> Condition:
        """Compare with several values: it is one of them."""
        self._refuse_whole(named, sign)
        if named.kind is Kind.TIME:
            raise self._words.refused(sign, "a time is compared with < <= > >=")
        values = [self._fitted(named, literal) for literal in literals]
        if named.kind is None:
            tests = [_of_own_value(operator.eq, value) for value in values]
            return Comparison(named, lambda found: any(test(found) for test in tests))
        known = frozenset(values)
        return Comparison(named, lambda found: found in known)

    def having(self, named: Named, sign: Word, literal: Literal) -> Condition:
        """Compare the values of a list with one value."""
        if named.kind not in {Kind.LIST, None}:
            raise self._words.refused(sign, f"{named.name} is not a list")
        if named.kind is Kind.LIST and not isinstance(literal.value, str):
            raise self._words.refused(literal.word, f"{named.name} are texts, in quotes")
        value = literal.value if named.kind is Kind.LIST else self._fitted(named, literal)
        test = _of_own_value(operator.eq, value)
        return Comparison(
            named,
            lambda found: (
                isinstance(found, Sequence) and not isinstance(found, str) and any(map(test, found))
            ),
        )

    def alone(self, named: Named, word: Word) -> Condition:
        """Take the column itself for a condition."""
        if named.kind not in {Kind.BOOLEAN, None}:
            raise self._words.refused(
                word, f"{named.name} alone is not a condition: compare it with something"
            )
        return Comparison(named, lambda found: found is True)

    def _matching(self, named: Named, sign: Word, text: str, literal: Literal) -> Condition:
        self._refuse_whole(named, sign)
        if named.kind not in {Kind.TEXT, None}:
            raise self._words.refused(sign, f"{named.name} is not text: compare it with = < >")
        if not isinstance(literal.value, str):
            raise self._words.refused(literal.word, "a pattern is written in quotes")
        try:
            found = found_in(literal.value)
        except InputError as error:
            raise self._words.refused(literal.word, str(error)) from None
        wanted = text != "!~"
        return Comparison(named, lambda value: isinstance(value, str) and found(value) is wanted)

    def _refuse_whole(self, named: Named, sign: Word) -> None:
        if named.kind is Kind.LIST:
            raise self._words.refused(sign, f"{named.name} is a list: write {named.name} has 'x'")
        if named.kind is Kind.OBJECT:
            raise self._words.refused(
                sign, f"{named.name} holds several values: name one, as {named.name}.NAME"
            )

    def _fitted(self, named: Named, literal: Literal) -> Value:
        return fitted(self._words, named, literal, self._now)


def _of_own_value(compare: Callable[[Any, Any], bool], value: Value) -> Holds:
    """Return what compares a JSON value of any kind; one of another kind than `value` is as good as missing.

    Tables keep numbers as texts, so a text that is a number counts as one.
    """
    if isinstance(value, bool):
        return lambda found: isinstance(found, bool) and compare(found, value)
    if isinstance(value, str):
        return lambda found: isinstance(found, str) and compare(found, value)

    def holds(found: Any) -> bool:
        if isinstance(found, str) and _NUMBER.fullmatch(found):
            found = float(found)
        return (
            isinstance(found, int | float) and not isinstance(found, bool) and compare(found, value)
        )

    return holds
