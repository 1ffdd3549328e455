"""Tables for a terminal. Not Rich's: importing them would add 50 ms to every command that prints one."""

from __future__ import annotations

from collections.abc import Sequence

from sdq_core.printable import printable

#: The least that is left of a cell in the first column.
_SHORTEST = 12


def table_lines(
    rows: Sequence[Sequence[str]], *, texts: int, width: int | None = None
) -> list[str]:
    """Align rows, titles first: the first `texts` columns to the left, the numbers after them to the right.

    width: columns of the terminal; the first cells are shortened for lines that would be longer. None for no terminal.
    """
    cells = [tuple(printable(" ".join(cell.split())) for cell in row) for row in rows]
    widths = [max(map(_columns, column)) for column in zip(*cells, strict=True)]
    if width is not None and (excess := sum(widths) + 2 * (len(widths) - 1) - width) > 0:
        widths[0] = min(widths[0], max(widths[0] - excess, _SHORTEST))
        cells = [(_shortened(row[0], widths[0]), *row[1:]) for row in cells]
    lines = []
    for row in cells:
        padded = []
        for number, (cell, columns) in enumerate(zip(row, widths, strict=True)):
            space = " " * (columns - _columns(cell))
            padded.append(cell + space if number < texts else space + cell)
        lines.append("  ".join(padded).rstrip())
    return lines


def _columns(text: str) -> int:
    """Return how many terminal columns a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # 10 ms, which a table without wide characters saves

    return cell_len(text)


def _shortened(text: str, columns: int) -> str:
    if _columns(text) <= columns:
        return text
    while _columns(text) > columns - 3:
        text = text[:-1]
    return f"{text}..."
