"""From lines to the rows of a table, as spreadsheets, databases and data frames write them.

A row that cannot be read is reported, and reading goes on with the line after the one where it began.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterable, Iterator

from sdq_core.printable import quote

#: A quoted cell continues across line ends, so an open quote could collect a whole file in one row.
MAX_ROW_CHARS = 2**20
#: How often the lines behind an open quote are read again as rows of their own; each time costs up to a row.
_MOST_AGAIN = 20


def read_rows(
    lines: Iterable[tuple[int, str]], *, name: str, separator: str, problems: list[str]
) -> Iterator[tuple[int, list[str]]]:
    """Yield (number of its first line, cells) for every row, and add what is wrong with others to `problems`."""
    if separator == "\t":
        yield from _tab_separated(lines, name, problems)
        return
    feed = _Feed(lines)
    reader = csv.reader(feed, delimiter=separator, strict=True)
    again = 0
    while True:
        feed.row.clear()
        feed.row_chars = 0
        try:
            row = next(reader, None)
        except (csv.Error, _RowTooLongError) as error:
            problems.append(f"{name}:{feed.row[0][0]}: {_explained(error)}")
            if len(feed.row) > 1 and again < _MOST_AGAIN:
                again += 1
                feed.read_again()
            continue
        if row is None:
            return
        yield feed.row[0][0], row


def _tab_separated(
    lines: Iterable[tuple[int, str]], name: str, problems: list[str]
) -> Iterator[tuple[int, list[str]]]:
    """Read rows in which a quote is a character like any other, unless it encloses a cell, as Excel writes it."""
    for number, text in lines:
        row = [_without_quotes(cell) for cell in text.split("\t")]
        opened = next((cell for cell in row if cell is None), "")
        if opened is None:
            problems.append(
                f"{name}:{number}: a cell opens a quote and does not close it on its line; "
                "write the cell on one line, or save the table as CSV"
            )
        else:
            yield number, [cell or "" for cell in row]


def _without_quotes(cell: str) -> str | None:
    """Return a cell's text, None if it opens a quote that it does not close."""
    if not cell.startswith('"'):
        return cell
    inner = cell[1:-1].replace('""', "")
    if len(cell) > 1 and cell.endswith('"') and '"' not in inner:
        return cell[1:-1].replace('""', '"')
    return None if cell.count('"') % 2 else cell


class _RowTooLongError(Exception):
    pass


class _Feed:
    """Hands lines to the csv module, up to the limit of a row; remembers those of the row."""

    def __init__(self, lines: Iterable[tuple[int, str]]) -> None:
        self._lines = iter(lines)
        self._waiting: deque[tuple[int, str]] = deque()
        self.row: list[tuple[int, str]] = []
        self.row_chars = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._waiting.popleft() if self._waiting else next(self._lines)
        self.row.append(line)
        self.row_chars += len(line[1]) + 1
        if self.row_chars > MAX_ROW_CHARS + 1:  # a line may have as many
            raise _RowTooLongError
        return f"{line[1]}\n"

    def read_again(self) -> None:
        """Hand out the row's lines again, except the first."""
        self._waiting.extendleft(reversed(self.row[1:]))


def _explained(error: Exception) -> str:
    """Return what is wrong with a row in the table's words rather than those of the csv module."""
    said = str(error)
    if isinstance(error, _RowTooLongError):
        return f"the row is longer than {MAX_ROW_CHARS:,} characters; close its quotes"
    if "field larger" in said:
        return f"a cell is longer than {csv.field_size_limit():,} characters"
    if "end of data" in said:
        return "a quote opens in this row and is never closed; close it, or write it twice"
    if "expected after" in said:
        return "a cell goes on behind its closing quote; write a quote inside a cell twice"
    return f"the row cannot be read ({quote(said)}); save the table as CSV again"
