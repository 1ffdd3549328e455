"""Tables for a terminal. Not Rich's: importing them would add 50 ms to every command that prints one."""

from __future__ import annotations

from collections.abc import Sequence

from sdq_core.printable import printable


def table_lines(rows: Sequence[Sequence[str]], *, texts: int) -> list[str]:
    """Align rows, titles first: the first `texts` columns to the left, the numbers after them to the right."""
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
    """Return how many terminal columns a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # 10 ms, which a table without wide characters saves

    return cell_len(text)
