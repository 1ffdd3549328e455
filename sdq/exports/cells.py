"""The columns of an image as the cells of a data set."""

from __future__ import annotations

from datetime import datetime

from db.columns import COLUMNS
from db.values import JSON, FinishedImage


def json_cells(image: FinishedImage) -> dict[str, JSON]:
    """Return the columns by name as JSON holds them, times in RFC 3339, without those that have no value.

    Readers take a column's type from the first images. There, null would be a type of its own, which no later value fits.
    """
    cells = {}
    for name, column in COLUMNS.items():
        value = column.of(image)
        if value is not None:
            cells[name] = value.isoformat() if isinstance(value, datetime) else value
    return cells
