"""Tables: csv and tsv with a header, one prompt per row, a blank cell for the default.

Columns have the options' names; `meta.NAME` columns are the user's own and come back unchanged with the results. Cells
are separated by commas or tabs, unless the header shows otherwise: many spreadsheets write semicolons.

`result.NAME` columns are what an export adds; they are passed over, so that an exported table can be submitted again.
With them, cells mean what they say to the letter: quotes around a prompt are its own, and a blank negative prompt is
none, whatever the command's is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain

from producer.reading.characters import EDGES, QUOTES, unquoted
from producer.reading.fields import EXPORTED
from producer.reading.grid import build_lines
from producer.reading.names import field_named, unknown_name
from producer.reading.prompt_line import PromptLine
from producer.reading.rows import read_rows
from sdq_core.printable import quote

MAX_COLUMNS = 500
_META = "meta."
_RESULT = "result."
#: Excel's first line of a file whose separator differs from the country's.
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
_SEPARATORS = ",;\t|"
#: What pandas calls a column without a name once it has read one.
_NO_NAME = re.compile(r"(?:unnamed: ?[0-9]+)?", re.IGNORECASE)
_CURLY = re.compile(f"[{''.join(QUOTES)}]")


def read_table(
    lines: Iterable[tuple[int, str]], *, name: str, delimiter: str, problems: list[str]
) -> Iterator[PromptLine]:
    """Yield the usable rows, and add what is wrong with the others to `problems`.

    delimiter: what separates cells if the header does not show it.

    A wrong header ends reading: every row would only repeat its problem.
    """
    separator, lines = _separated(iter(lines), delimiter)
    columns: _Columns | None = None
    for number, row in read_rows(lines, name=name, separator=separator, problems=problems):
        source = f"{name}:{number}"
        if not any(cell.strip() for cell in row):
            continue
        if columns is None:
            fields = _header(row, source, problems)
            if fields is None:
                return
            columns = _Columns(fields)
            continue
        values = columns.values(row, source, problems)
        if values is not None:
            yield from build_lines(values, source=source, problems=problems)


def is_header(line: str) -> bool:
    """Whether a line can only be the header of a table: all its words are names of columns, the prompt's among them."""
    return (
        any(
            len(cells) > 1 and _names_prompts(line, one) and all(map(_named, cells))
            for one in _SEPARATORS
            if (cells := line.split(one))
        )
        or line.strip().lower() == "prompt"
    )


def _separated(
    lines: Iterator[tuple[int, str]], default: str
) -> tuple[str, Iterator[tuple[int, str]]]:
    """Return the separator that the first lines show, and the lines from the header on."""
    separator = default
    for number, text in lines:
        if not text.strip():
            continue
        if said := _SEPARATOR_LINE.fullmatch(text.strip(" ")):
            separator = said[1]
            continue
        likely = (separator, *_SEPARATORS)
        separator = next((one for one in likely if _names_prompts(text, one)), separator)
        return separator, chain([(number, text)], lines)
    return separator, iter(())


def _names_prompts(header: str, separator: str) -> bool:
    cells = header.split(separator)
    return any("\t" not in cell and _named(cell) == "prompt" for cell in cells)


def _named(cell: str) -> str | None:
    return field_named(cell.strip("\"' "))


class _Columns:
    """A table's columns by their fields, None for one without a name; keeps count of row numbers."""

    def __init__(self, fields: list[str | None]) -> None:
        self._fields = fields
        self._is_export = any(field and field.startswith(_RESULT) for field in fields)
        self._next_row: int | None = None
        self._complained: set[int] = set()

    def values(self, row: list[str], source: str, problems: list[str]) -> dict[str, object] | None:
        """Return a row's values by field, or add what is wrong with it to `problems` and return None."""
        while not row[-1].strip():
            row.pop()
        if len(row) > len(self._fields):
            columns = "1 column" if len(self._fields) == 1 else f"{len(self._fields)} columns"
            curly = '; only straight quotes (") count' if any(map(_CURLY.match, row)) else ""
            problems.append(
                f"{source}: the row has {len(row):,} cells for {columns}; "
                f"put quotes around a cell that contains the separator{curly}"
            )
            return None
        values: dict[str, object] = {}
        meta = {}
        if self._is_export:
            values = {EXPORTED: True, "negative_prompt": ""}
        for index, (field, cell) in enumerate(zip(self._fields, row, strict=False)):
            if not cell.strip() or (field and field.startswith(_RESULT)):
                continue
            if field is None:
                self._check_nameless(index, cell.strip(), source, problems)
            elif field.startswith(_META):
                meta[field[len(_META) :]] = cell
            else:
                is_exact = self._is_export or cell.startswith('"')
                values[field] = cell if is_exact else unquoted(cell.strip())
        if meta:
            values["meta"] = meta
        return values

    def _check_nameless(self, index: int, cell: str, source: str, problems: list[str]) -> None:
        """Pass over the row numbers that programs put first; a value without a name is nobody's guess."""
        if index == 0 and cell.isascii() and cell.isdigit() and len(cell) < 10:
            if self._next_row is None and int(cell) in {0, 1}:
                self._next_row = int(cell)
            if int(cell) == self._next_row:
                self._next_row += 1
                return
        if index not in self._complained:
            self._complained.add(index)
            problems.append(
                f"{source}: column {index + 1} has no name, but here it has the value {quote(cell)}; "
                "delete it, or name it in the first line (meta.NAME keeps it with the results)"
            )


def _header(row: list[str], source: str, problems: list[str]) -> list[str | None] | None:
    """Return each column's field, or add what is wrong with the header to `problems` and return None."""
    before = len(problems)
    if len(row) > MAX_COLUMNS:
        problems.append(f"{source}: there are {len(row):,} columns; the limit is {MAX_COLUMNS}")
        return None
    columns: list[str | None] = []
    unknown = []
    for cell in row:
        column = unquoted(cell.strip().strip(EDGES).strip())
        if _NO_NAME.fullmatch(column):
            columns.append(None)
            continue
        lower = column.lower()
        prefix = next((one for one in (_META, _RESULT) if lower.startswith(one)), None)
        if prefix is not None:
            field: str | None = prefix + column[len(prefix) :]
        else:
            field = field_named(column)
        if field is None or field in {_META, "meta"}:
            unknown.append(f"{source}: {_unknown(column)}")
        elif field in columns:
            problems.append(f"{source}: two columns mean {field.removeprefix(_META)}")
        else:
            columns.append(field)
    if "prompt" not in columns:
        problems.append(
            f"{source}: there is no prompt column; the first line must name the columns"
        )
    else:
        problems.extend(unknown)
    return columns if len(problems) == before else None


def _unknown(column: str) -> str:
    if column.lower() in {"meta", _META}:
        return f"the column {quote(column)} needs a name after it, as in meta.source"
    return unknown_name("column", column, note="named meta.NAME, it is kept with the results")
