"""A batch's finished images as a table for people and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from db.columns import COLUMNS, Kind, Named
from db.values import FinishedImage
from sdq.views.status import rfc3339
from sdq.views.table import growing_table
from sdq.views.words import local_time

_ALL = tuple(Named(column=column) for column in COLUMNS.values())
_FEW = tuple(Named(column=COLUMNS[name]) for name in ("path", "prompt"))
_NUMBERS = {Kind.INTEGER, Kind.NUMBER}
#: None: one of the user's own values.
_LONG = {Kind.TEXT, Kind.LIST, Kind.OBJECT, None}


def image_lines(
    images: Iterable[FinishedImage], columns: Sequence[Named] | None, *, width: int | None
) -> Iterator[str]:
    """Yield a table of images, nothing for none; each line when its image and some that follow are known.

    columns: those behind the image's name; None for the path and the prompt.
    width: columns of the terminal, None for no terminal.
    """
    shown = _FEW if columns is None else columns
    return growing_table(
        ("image", *(named.name for named in shown)),
        ((image.name, *(_cell(named.of(image)) for named in shown)) for image in images),
        numbers=[place for place, named in enumerate(shown, 1) if named.kind in _NUMBERS],
        cut=[place for place, named in enumerate(shown, 1) if named.kind in _LONG],
        width=width,
    )


def image_as_row(
    image: FinishedImage, outputs: Path, columns: Sequence[Named] | None
) -> dict[str, Any]:
    """Return an image for JSON: its name and file, and the values of columns by their names.

    columns: None for all. Times are RFC 3339 in UTC.
    """
    values = {named.name: named.of(image) for named in (_ALL if columns is None else columns)}
    return {
        "image": image.name,
        "file": str(outputs / image.image.path),
        **{
            name: rfc3339(value) if isinstance(value, datetime) else value
            for name, value in values.items()
        },
    }


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return local_time(value)
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return ", ".join(map(_cell, value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
