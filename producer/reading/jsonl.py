"""JSON Lines: one object per line, with the options' names as keys and null for the default.

`custom_id`, `tags` and `meta` are the user's own. `result` is what an export adds; it is ignored, so that an exported
file can be submitted again. A list of such objects, as most programs write JSON, is read as well, over any lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from producer.reading.grid import build_lines
from producer.reading.json_objects import NotJSONError, fields, parse, parse_at
from producer.reading.line_error import causes_of
from producer.reading.prompt_line import PromptLine
from sdq_core.errors import InputError

#: A document is parsed as a whole, which takes several times its size in memory; lines are not.
MAX_DOCUMENT_CHARS = 2**26
#: How often reading goes on behind a broken object.
_MOST_BROKEN = 100
_OPENING = re.compile(r"(?:\s*\[)?")
_BETWEEN = re.compile(r"[\s,]*")


def read_jsonl(
    lines: Iterable[tuple[int, str]], *, name: str, problems: list[str]
) -> Iterator[PromptLine]:
    """Yield the usable lines, and add what is wrong with the others to `problems`.

    A file that begins with a list, or with an object that goes on over several lines, is read by `read_json`.
    """
    lines = iter(lines)
    for number, text in lines:
        if not text.strip():
            continue
        if text.lstrip().startswith("[") or text.strip() == "{":
            yield from read_json(chain([(number, text)], lines), name=name, problems=problems)
            return
        lines = chain([(number, text)], lines)
        break
    for number, text in lines:
        if not text.strip():
            continue
        source = f"{name}:{number}"
        try:
            value = parse(text)
        except InputError as error:
            problems.append(f"{source}: {error}")
            continue
        yield from lines_of(value, source, problems)


def read_json(
    lines: Iterable[tuple[int, str]], *, name: str, problems: list[str]
) -> Iterator[PromptLine]:
    """Yield the usable objects of a JSON list, or of one object after the other, wherever their lines end."""
    text, first = _document(lines, name, problems)
    position = _end_of(_OPENING, text, 0)
    is_open = position > 0
    counted, number, broken = 0, first, 0
    source = f"{name}:{first}"
    while (position := _end_of(_BETWEEN, text, position)) < len(text):
        number += text.count("\n", counted, position)
        counted = position
        source = f"{name}:{number}"
        if is_open and text[position] == "]":
            is_open = False
            position += 1
            continue
        try:
            value, end = parse_at(text, position)
        except InputError as error:
            at = error.position if isinstance(error, NotJSONError) else position
            problems.append(f"{name}:{number + text.count(chr(10), position, at)}: {error}")
            broken += 1
            following = _next_object(text, position, at)
            if following is None or broken == _MOST_BROKEN:
                return
            position = following
            continue
        position = end
        yield from lines_of(value, source, problems)
    if is_open:
        problems.append(f"{source}: the list is not closed after this; is the file complete?")


def lines_of(value: Any, source: str, problems: list[str]) -> list[PromptLine]:
    """Return the lines that a value of JSON asks for, or add what is wrong with it to `problems`."""
    try:
        values = fields(value)
    except InputError as error:
        problems += [f"{source}: {cause}" for cause in causes_of(error)]
        return []
    return build_lines(values, source=source, problems=problems)


def _document(lines: Iterable[tuple[int, str]], name: str, problems: list[str]) -> tuple[str, int]:
    """Return all lines in one, empty if they are too many, and the number of the first."""
    kept: list[str] = []
    first, chars = 1, 0
    for number, text in lines:
        first = first if kept else number
        kept.append(text)
        chars += len(text) + 1
        if chars > MAX_DOCUMENT_CHARS:
            problems.append(
                f"{name}:{number}: a JSON list may have {MAX_DOCUMENT_CHARS:,} characters; "
                "write one object a line for more (jsonl)"
            )
            return "", first
    return "\n".join(kept), first


def _next_object(text: str, position: int, at: int) -> int | None:
    """Return where the next object begins on a line of its own, indented no more than the broken one."""
    indent = position - (text.rfind("\n", 0, position) + 1)
    found = re.compile(rf"\n[ \t]{{0,{indent}}}(?=\{{)").search(text, max(at, position + 1))
    return found.end() if found else None


def _end_of(pattern: re.Pattern[str], text: str, position: int) -> int:
    found = pattern.match(text, position)
    return found.end() if found else position
