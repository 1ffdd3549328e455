"""Tables: csv and tsv with a header, one prompt per row, a blank cell for the default.

Columns have the options' names; `meta.NAME` columns are the user's own and come back unchanged with the results.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator

from producer.reading.fields import build_line
from producer.reading.names import field_named, unknown_name
from producer.reading.prompt_line import PromptLine
from sdq_core.printable import quote

MAX_COLUMNS = 500
#: A quoted cell continues across line ends, so an open quote could collect a whole file in one row.
MAX_ROW_CHARS = 2**20
_META = "meta."


def read_table(
    lines: Iterable[tuple[int, str]], *, name: str, delimiter: str, problems: list[str]
) -> Iterator[PromptLine]:
    """Yield the usable rows, and add what is wrong with the others to `problems`.

    A wrong header ends reading: every row would only repeat its problem.
    """
    feed = _Feed(lines)
    reader = csv.reader(feed, delimiter=delimiter, strict=True)
    columns: list[str] | None = None
    first_line = 1
    while True:
        feed.row_chars = 0
        try:
            row = next(reader, None)
        except csv.Error as error:
            problems.append(f"{name}:{first_line}: the table cannot be read from here on: {error}")
            return
        except _RowTooLongError:
            problems.append(
                f"{name}:{first_line}: the row is longer than {MAX_ROW_CHARS:,} characters; close its quotes"
            )
            return
        if row is None:
            return
        source = f"{name}:{first_line}"
        first_line = reader.line_num + 1
        if not any(cell.strip() for cell in row):
            continue
        if columns is None:
            columns = _header(row, source, problems)
            if columns is None:
                return
            continue
        if len(row) > len(columns):
            problems.append(
                f"{source}: the row has {len(row):,} cells for {len(columns)} columns; "
                "put quotes around a cell that contains the separator"
            )
            continue
        line = build_line(_values(columns, row), source=source, problems=problems)
        if line is not None:
            yield line


class _RowTooLongError(Exception):
    pass


class _Feed:
    """Hands lines to the csv module, up to the limit of a row."""

    def __init__(self, lines: Iterable[tuple[int, str]]) -> None:
        self._lines = iter(lines)
        self.row_chars = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        _, text = next(self._lines)
        self.row_chars += len(text) + 1
        if self.row_chars > MAX_ROW_CHARS + 1:  # a line may have as many
            raise _RowTooLongError
        return f"{text}\n"


def _values(columns: list[str], row: list[str]) -> dict[str, object]:
    values: dict[str, object] = {}
    meta = {}
    for column, cell in zip(columns, row, strict=False):
        if not cell.strip():
            continue
        if column.startswith(_META):
            meta[column[len(_META) :]] = cell
        else:
            values[column] = cell
    if meta:
        values["meta"] = meta
    return values


def _header(row: list[str], source: str, problems: list[str]) -> list[str] | None:
    """Return each column's field, or add what is wrong with the header to `problems` and return None."""
    before = len(problems)
    if len(row) > MAX_COLUMNS:
        problems.append(f"{source}: there are {len(row):,} columns; the limit is {MAX_COLUMNS}")
        return None
    columns: list[str] = []
    unknown = []
    for number, cell in enumerate(row, 1):
        column = cell.strip()
        if column.lower().startswith(_META):
            field: str | None = _META + column[len(_META) :]
        else:
            field = field_named(column)
        if field is None or field in {_META, "meta"}:
            unknown.append(f"{source}: {_unknown(column, number)}")
        elif field in columns:
            problems.append(f"{source}: two columns mean {field.removeprefix(_META)}")
        else:
            columns.append(field)
    if "prompt" not in columns:
        hint = " (cells are separated by commas here)" if any(";" in cell for cell in row) else ""
        problems.append(
            f"{source}: there is no prompt column; the first line must name the columns{hint}"
        )
    else:
        problems.extend(unknown)
    return columns if len(problems) == before else None


def _unknown(column: str, number: int) -> str:
    if not column:
        return f"column {number} has no name"
    if column.lower() in {"meta", _META}:
        return f"the column {quote(column)} needs a name after it, as in meta.source"
    return f"{unknown_name('column', column)}, or name it meta.NAME to keep it with the results"
