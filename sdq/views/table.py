"""Tables for a terminal. Not Rich's: importing them would add 50 ms to every command that prints one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice

from sdq_core.printable import printable

#: The least that is left of a cell in the first column.
_SHORTEST = 12
_ROWS_AT_ONCE = 100


def table_lines(
    rows: Sequence[Sequence[str]], *, texts: int, width: int | None = None
) -> list[str]:
    """Align rows, titles first: the first `texts` columns to the left, the numbers after them to the right.

    width: columns of the terminal; the first cells are shortened for lines that would be longer. None for no terminal.
    """
    cells = [_cells(row) for row in rows]
    widths = [max(map(_columns, column)) for column in zip(*cells, strict=True)]
    if width is not None and (excess := sum(widths) + 2 * (len(widths) - 1) - width) > 0:
        widths[0] = min(widths[0], max(widths[0] - excess, _SHORTEST))
        cells = [(_shortened(row[0], widths[0]), *row[1:]) for row in cells]
    numbers = range(texts, len(widths))
    return [_line(row, widths, numbers) for row in cells]


def growing_table(
    titles: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numbers: Collection[int],
    cut: Collection[int],
    width: int | None = None,
) -> Iterator[str]:
    """Align rows as they come, some at a time, with titles before the first; nothing for no rows.

    numbers: which columns are aligned to the right.
    cut: which columns are shortened for lines that would be longer than the terminal, the widest first.
    width: columns of the terminal, None for no terminal.
    """
    left = iter(rows)
    # What a terminal cannot show is not measured: a cell may be a prompt of 20,000 letters.
    longest = None if width is None else 2 * width
    needed = [0] * len(titles)
    while some := [_cells(row, longest) for row in islice(left, _ROWS_AT_ONCE)]:
        if not any(needed):
            some.insert(0, _cells(titles))
        needed = [
            max(before, *map(_columns, column))
            for before, column in zip(needed, zip(*some, strict=True), strict=True)
        ]
        widths = needed if width is None else _fitted(needed, cut, width)
        for row in some:
            yield _line(row, widths, numbers, () if width is None else cut)


def _cells(row: Sequence[str], longest: int | None = None) -> tuple[str, ...]:
    """Return a row as it is shown, each text on one line. longest: letters to keep of each, None for all."""
    return tuple(printable(" ".join(cell.split())[:longest]) for cell in row)


def _fitted(widths: Sequence[int], cut: Collection[int], width: int) -> list[int]:
    """Return widths that a terminal has room for, if that can be had with no column cut to less than `_SHORTEST`."""
    fitted = list(widths)
    while sum(fitted) + 2 * (len(fitted) - 1) > width:
        widest = max(cut, key=lambda place: fitted[place], default=None)
        if widest is None or fitted[widest] <= _SHORTEST:
            break
        fitted[widest] -= 1
    return fitted


def _line(
    row: Sequence[str], widths: Sequence[int], numbers: Collection[int], cut: Collection[int] = ()
) -> str:
    padded = []
    for place, (cell, columns) in enumerate(zip(row, widths, strict=True)):
        text = _shortened(cell, columns) if place in cut else cell
        space = " " * (columns - _columns(text))
        padded.append(space + text if place in numbers else text + space)
    return "  ".join(padded).rstrip()


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
