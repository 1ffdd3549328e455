"""Orders of images by their columns: `-size_bytes,seed` is the largest file first, equally large ones by seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from db.columns.column import Kind
from db.columns.named import Named, take_named
from db.columns.words import WordKind, Words
from db.values import FinishedImage

#: What a database compares: numbers before texts, and missing values after both.
SortValue = float | int | bytes | None

_MAX_KEYS = 16
#: The largest whole number that SQLite keeps exactly.
_MAX_INTEGER = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class SortKey:
    """A column to sort by. descending: the largest first; images without a value come last either way."""

    named: Named
    descending: bool = False

    def of(self, image: FinishedImage) -> SortValue:
        """Return what an image is sorted by; texts without regard to case."""
        return _comparable(self.named.of(image))


@dataclass(frozen=True, kw_only=True)
class Sorting:
    """An order: by the first key, equal ones by the next. Equal in all, images keep the order of planning."""

    keys: Sequence[SortKey]


def parse_sort(text: str) -> Sorting:
    """Return the order that a list such as `-size_bytes,seed` names; a minus sign is for the largest first.

    Raise UsageError for a text that is no such list, unknown names, and columns that have no order.
    """
    words = Words(text, of="The order")
    keys = [_take_key(words)]
    while words.take_if(","):
        keys.append(_take_key(words))
    last = words.peek()
    if last.kind is not WordKind.END:
        raise words.unexpected(last, "a comma or the end")
    if len(keys) > _MAX_KEYS:
        raise words.refused(last, f"it has more than {_MAX_KEYS} columns")
    return Sorting(keys=tuple(keys))


def _take_key(words: Words) -> SortKey:
    descending = words.take_if("-") is not None
    first = words.peek()
    named = take_named(words)
    if named.kind in {Kind.LIST, Kind.OBJECT}:
        within = (
            "" if named.kind is Kind.LIST else f"; name a value within it, as {named.name}.NAME"
        )
        raise words.refused(first, f"{named.name} has no order{within}")
    return SortKey(named=named, descending=descending)


def _comparable(value: Any) -> SortValue:
    if isinstance(value, str):
        return value.casefold().encode("utf-8", "surrogatepass")
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, int):  # true is 1
        return int(value) if abs(value) <= _MAX_INTEGER else _float(value)
    return value if isinstance(value, float) else None


def _float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
