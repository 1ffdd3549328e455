"""A list as CSV: a header, and a row for each image.

Columns are those that `sdq submit` reads, `meta.NAME` among them, and `result.NAME`, which it passes over. Lists have
semicolons; objects are JSON.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from db.drawn import Stored
from sdq.exports.captions import written
from sdq.exports.lists.jsonl import moment

#: What Python's csv module and spreadsheets put in quotes.
_SPECIAL = re.compile(r'[",\n\r]|^\s|\s$')


class Csv:
    """Writes lines as CSV; meta: the names of the user's own fields, which are columns."""

    def __init__(self, meta: Sequence[str]) -> None:
        self._meta = meta

    def header(self, asked: Sequence[str], result: Sequence[str]) -> str:
        """Return the first line."""
        names = [
            *(name for name in asked if name != "meta"),
            *(f"meta.{name}" for name in self._meta),
            *(f"result.{name}" for name in result),
        ]
        return ",".join(map(cell, names)) + "\n"

    def fixed(self, values: Mapping[str, Any], *, result: bool) -> str:
        """Return columns with their values."""
        cells: list[str] = []
        for name, value in values.items():
            if name == "meta" and not result:
                cells += (_one((value or {}).get(own)) for own in self._meta)
            else:
                cells.append(_one(value))
        return ",".join(cells).replace("%", "%%")

    def open(self, names: Sequence[str], *, result: bool) -> str:  # noqa: ARG002
        """Return places for values."""
        return ",".join("%s" for _ in names)

    def line(self, asked: Sequence[str], result: Sequence[str]) -> str:
        """Put a line together."""
        return ",".join((*asked, *result)) + "\n"

    def texts(self, kind: Stored, values: Sequence[Any]) -> Iterable[Any]:
        """Return what stands for each value."""
        write = _WRITE.get(kind)
        if None in values:
            return ["" if value is None else write(value) if write else value for value in values]
        return map(write, values) if write else values


def cell(text: str) -> str:
    """Return a text as a cell, in quotes if it needs them."""
    return '"' + text.replace('"', '""') + '"' if _SPECIAL.search(text) else text


def _one(value: Any) -> str:
    return cell(";".join(map(written, value)) if isinstance(value, list) else written(value))


#: How stored values are written that are not None; numbers are left as they are.
_WRITE: Mapping[Stored, Callable[[Any], str | float]] = {
    Stored.TEXT: cell,
    Stored.OBJECT: cell,
    Stored.BOOLEAN: {0: "false", 1: "true"}.__getitem__,
    Stored.DIGEST: lambda value: value.hex(),
    Stored.MOMENT: moment,
    Stored.DURATION: lambda value: value / 1000,
}
