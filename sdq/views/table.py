"""Tables for a terminal. Not with Rich: its import takes 50 ms of every command that would use it."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from sdq_core.printable import printable


def table_lines(rows: Sequence[Sequence[str]], *, texts: int) -> list[str]:
    """Align rows, the titles first: so many columns of text to the left, the numbers behind them to the right."""
    cells = [tuple(printable(" ".join(cell.split())) for cell in row) for row in rows]
    widths = [max(map(_columns, column)) for column in zip(*cells, strict=True)]
    lines = []
    for row in cells:
        padded = []
        for number, (cell, width) in enumerate(zip(row, widths, strict=True)):
            space = " " * (width - _columns(cell))
            padded.append(cell + space if number < texts else space + cell)
        lines.append("  ".join(padded).rstrip())
    return lines


def _columns(text: str) -> int:
    """Give how many columns of a terminal a text takes: two for each Chinese or Japanese character and each emoji."""
    if text.isascii():
        return len(text)
    return sum(
        2 if unicodedata.east_asian_width(char) in "WF" else not unicodedata.combining(char)
        for char in text
    )
