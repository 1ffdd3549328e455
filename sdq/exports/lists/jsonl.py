"""A list as JSON Lines: one object for each image."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any

from db.drawn import Stored

_ENCODER = json.JSONEncoder(ensure_ascii=False)
_BOOLEANS = {0: "false", 1: "true"}


class JsonLines:
    """Writes lines as JSON. Missing values are null, missing lists and objects are empty."""

    def fixed(self, values: Mapping[str, Any], *, result: bool) -> str:  # noqa: ARG002
        """Return columns with their values."""
        complete = {
            name: _EMPTY.get(name) if value is None else value for name, value in values.items()
        }
        return _ENCODER.encode(complete)[1:-1].replace("%", "%%")

    def open(self, names: Sequence[str], *, result: bool) -> str:  # noqa: ARG002
        """Return columns with places for their values."""
        return ", ".join(f"{_ENCODER.encode(name)}: %s" for name in names)

    def line(self, asked: Sequence[str], result: Sequence[str]) -> str:
        """Put a line together."""
        return f'{{{", ".join(asked)}, "result": {{{", ".join(result)}}}}}\n'

    def texts(self, kind: Stored, values: Sequence[Any]) -> Iterable[Any]:
        """Return what stands for each value."""
        write = _WRITE.get(kind)
        if None in values:
            none = "{}" if kind is Stored.OBJECT else "null"
            return [none if value is None else write(value) if write else value for value in values]
        return map(write, values) if write else values


#: What stands for a column that an image does not have.
_EMPTY: Mapping[str, Any] = {"tags": [], "meta": {}, "dynamic": {}}


def moment(stored: int) -> str:
    """Return milliseconds since 1970 as a time in RFC 3339."""
    hour, rest = divmod(stored, 3_600_000)
    minute, rest = divmod(rest, 60_000)
    second, ms = divmod(rest, 1000)
    return f"{_hour(hour)}:{minute:02d}:{second:02d}.{ms:03d}Z"


@lru_cache(maxsize=1000)
def _hour(number: int) -> str:
    # The calendar takes most of the time, and images of one hour are many.
    return datetime.fromtimestamp(number * 3600, UTC).strftime("%Y-%m-%dT%H")


#: How stored values are written that are not None; numbers, and objects, which are JSON already, are left as they are.
_WRITE: Mapping[Stored, Callable[[Any], str | float]] = {
    Stored.TEXT: encode_basestring,
    Stored.BOOLEAN: _BOOLEANS.__getitem__,
    Stored.DIGEST: lambda value: f'"{value.hex()}"',
    Stored.MOMENT: lambda value: f'"{moment(value)}"',
    Stored.DURATION: lambda value: value / 1000,
}
