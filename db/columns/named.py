"""Columns, and values within their objects, by the names that users write: `steps`, `cfg-scale`, `meta.series`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from db.columns.column import AskedImages, ImageColumn, Kind
from db.columns.columns import COLUMNS
from db.columns.words import Word, WordKind, Words, shortened
from db.values import FinishedImage
from sdq_core.values.guesses import did_you_mean

_BY_NAME: Mapping[str, ImageColumn] = {
    name: column for column in COLUMNS.values() for name in (column.name, *column.aliases)
}
#: Deeper than any line's own fields are nested.
_MAX_KEYS = 32


@dataclass(frozen=True, kw_only=True)
class Named:
    """A column, or a value within one that holds objects.

    column: the column.
    keys: what leads from its object to the value, one within the other; empty for the column itself.
    """

    column: ImageColumn
    keys: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Its name, with the column's own in place of an alias."""
        return ".".join((self.column.name, *self.keys))

    @property
    def kind(self) -> Kind | None:
        """What its values are; None for a value within an object, which is any JSON value."""
        return None if self.keys else self.column.kind

    def of(self, image: FinishedImage | AskedImages) -> Any:
        """Return its value for an image, None where that has none."""
        value = self.column.of(image)
        return _within(value, self.keys) if self.keys else value


def take_named(words: Words) -> Named:
    """Take a name: a column's, and behind dots the keys within its object, in quotes unless they are words.

    Raise UsageError for an unknown name, and for keys of a column without objects.
    """
    word = words.take()
    if word.kind is not WordKind.NAME:
        raise words.unexpected(word, "the name of a column")
    column = _BY_NAME.get(word.text.lower().replace("-", "_"))
    if column is None:
        raise words.refused(
            word,
            f"unknown column {shortened(word.text)}{did_you_mean(word.text, _BY_NAME, COLUMNS)}",
        )
    keys = []
    while words.take_if("."):
        keys.append(_key(words, words.take()))
    if keys and column.kind is not Kind.OBJECT:
        raise words.refused(word, f"{column.name} has nothing within it")
    if len(keys) > _MAX_KEYS:
        raise words.refused(word, "the name has too many dots")
    return Named(column=column, keys=tuple(keys))


def parse_columns(text: str) -> tuple[Named, ...]:
    """Return the columns of a list such as `seed,steps,meta.series`, each once; raise UsageError for any other text."""
    words = Words(text, of="The list of columns")
    found = [take_named(words)]
    while words.take_if(","):
        found.append(take_named(words))
    if words.peek().kind is not WordKind.END:
        raise words.unexpected(words.peek(), "a comma or the end")
    return tuple({named.name: named for named in found}.values())


def _key(words: Words, word: Word) -> str:
    if word.kind is WordKind.NAME:
        return word.text
    if word.kind is WordKind.TEXT:
        return word.unquoted
    raise words.unexpected(word, "a name or a text in quotes")


def _within(value: Any, keys: tuple[str, ...]) -> Any:
    """Return what the keys lead to. The table column `meta.a.b` is kept under the one key `a.b`."""
    for position in range(len(keys)):
        if not isinstance(value, Mapping):
            return None
        rest = ".".join(keys[position:])
        if rest in value:
            return value[rest]
        value = value.get(keys[position])
    return None
