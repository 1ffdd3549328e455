"""A sample's row in a data set: its text and the columns of its image, flat and of one type each.

Readers infer a column's type from the first rows of each split, and refuse a data set where two splits differ, or where
a column of nulls has a number later on. So what is missing in a column of text is an empty text, and lists and objects,
which differ from row to row, are JSON in text. A column of numbers, or of true or false, goes in if all images have it
that are there at the first export (`filled`).
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from db.columns import COLUMNS, ImageColumn, Kind
from db.drawn import STORED, DrawnSlice
from sdq.exports.captions import rfc3339
from sdq.exports.sample import Sample

#: Names of somebody's machines do not belong on the Hub.
PRIVATE = frozenset({"host", "worker"})
_EMPTY = {Kind.LIST: "[]", Kind.OBJECT: "{}"}
#: Columns that an image may lack, and have no empty value; each with the stored one that shows it.
_MAY_LACK: Mapping[str, str] = {
    name: "concept_scores" if name == "nsfw_score" else name
    for name, column in COLUMNS.items()
    if column.kind in {Kind.INTEGER, Kind.NUMBER, Kind.BOOLEAN}
    and not (column.asked and column.of_all)
}


def filled(slices: Iterable[DrawnSlice]) -> list[str]:
    """Return the columns of numbers, and of true or false, that all images have."""
    found = dict(_MAY_LACK)
    for drawn in slices:
        for name, source in tuple(found.items()):
            if _lacks(drawn, COLUMNS[name], source):
                del found[name]
    return list(found)


def _lacks(drawn: DrawnSlice, column: ImageColumn, source: str) -> bool:
    """Say whether an image of a slice lacks a column. source: the stored one that shows it."""
    if column.asked:
        return column.of(drawn) is None
    position = STORED[source].position
    return any(row[position] is None for row in drawn.rows)


def model_name(model: str) -> str:
    """Return a model's name; of a path (`--model DIR`) its last part, because the others tell of a disk."""
    path = PurePath(model)
    return path.name if path.is_absolute() else model


def _row_columns() -> Iterator[ImageColumn]:
    for name, column in COLUMNS.items():
        if name == "model":
            yield replace(column, of=lambda image: model_name(image.recipe.variant.model))
        elif name not in PRIVATE:
            yield column


#: The columns of rows, by name.
ROW_COLUMNS: Mapping[str, ImageColumn] = {column.name: column for column in _row_columns()}


def row_of(sample: Sample, only: Container[str] | None = None) -> dict[str, Any]:
    """Return a sample's row by column: `text` first, then those of its image in order.

    only: leave out columns of numbers, and of true or false, that are not among these; None for all.
    """
    row: dict[str, Any] = {"text": sample.caption}
    for name, column in ROW_COLUMNS.items():
        if only is None or name not in _MAY_LACK or name in only:
            row[name] = flat(column, column.of(sample.image))
    row["width"], row["height"] = sample.width, sample.height
    return row


def flat(column: ImageColumn, value: Any) -> Any:
    """Return a column's value as rows have it: a text, a number, a bool or None."""
    match column.kind:
        case Kind.LIST | Kind.OBJECT:
            return _json(value) if value else _EMPTY[column.kind]
        case Kind.TEXT:
            return "" if value is None else str(value)
        case Kind.TIME:
            return "" if value is None else rfc3339(value)
        case Kind.NUMBER:
            return None if value is None else float(value)
    return value


def _json(value: Mapping[str, Any] | list[Any]) -> str:
    return json.dumps(value, ensure_ascii=False)
