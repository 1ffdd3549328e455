r"""Text files: one prompt per line, `#` for comments, options after the prompt.

Two dialects of options that other tools use, told apart by the position of the first option:

    --prompt "a red house" --negative_prompt "fog" --seed 7        AUTOMATIC1111's "prompts from file"
    a red house by the sea --steps 30 --n fog, rain --d 7          sdq's long options and kohya's short ones

The prompt is split from its options (see `producer.reading.options`) before quotes are read, so an apostrophe in it
means nothing. A value ends at the next option, or at its closing quote, straight or typographic; inside straight double
quotes `\"` and `\\` stand for themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from producer.reading.characters import (
    APOSTROPHES,
    DASHES,
    QUOTES,
    code_point,
    unquoted,
)
from producer.reading.dialects import option_in
from producer.reading.grid import build_lines
from producer.reading.line_error import LineError, causes_of
from producer.reading.names import field_named, unknown_name
from producer.reading.options import next_option, option_at
from producer.reading.pasted import Block, blocks
from producer.reading.prompt_line import PromptLine
from producer.reading.remarks import Remarks
from producer.reading.table import is_header
from sdq_core.errors import InputError
from sdq_core.printable import quote
from sdq_core.values.tidying import INVISIBLE

_OPTION_HEAD = re.compile(rf"([-{DASHES}]+)([^\s=]+)(?:=|\s+|$)")
_DOUBLE_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_SPACE = re.compile(r"\s*")
#: The most problems reported for one line; the rest would repeat them.
_MOST_WRONG = 5
_ESCAPE = re.compile(r'\\(["\\])')


def read_txt(
    lines: Iterable[tuple[int, str]],
    *,
    name: str,
    literal: bool,
    problems: list[str],
    remarks: Remarks,
) -> Iterator[PromptLine]:
    """Yield the usable lines, and add what is wrong with the others to `problems`.

    literal: take every line as it is, for prompts that contain another tool's options.
    """
    found = _literal(lines) if literal else blocks(_without_comments(lines, remarks))
    for index, block in enumerate(found):
        source = f"{name}:{block.number}"
        if index == 0 and not literal and is_header(block.text or ""):
            problems.append(
                f"{source}: this is the header of a table; name the file .csv or .tsv, or use --format"
            )
            return
        try:
            values, unknown = ({"prompt": block.text or ""}, []) if literal else _values(block)
        except InputError as error:
            problems += [f"{source}: {cause}" for cause in causes_of(error)]
            continue
        built = build_lines(values, source=source, problems=problems)
        if built:
            if unknown:
                block.hints.append(f"settings not taken over: {', '.join(unknown)}")
            remarks.hints += [f"{source}: {hint}" for hint in block.hints]
        yield from built


def _literal(lines: Iterable[tuple[int, str]]) -> Iterator[Block]:
    return (Block(number, text) for number, text in lines if text.strip())


def _without_comments(
    lines: Iterable[tuple[int, str]], remarks: Remarks
) -> Iterator[tuple[int, str]]:
    for number, text in lines:
        stripped = (text if text.isascii() else INVISIBLE.sub("", text)).strip()
        if stripped.startswith("#"):
            remarks.comment_lines += 1
        else:
            yield number, stripped.removeprefix("\\") if stripped.startswith("\\#") else stripped


def _values(block: Block) -> tuple[dict[str, str], list[str]]:
    """Return a prompt's field values and the settings that sdq does not have; raise InputError for what is wrong."""
    if block.wrong:
        raise InputError(block.wrong)
    if block.text is None:
        raise InputError("the prompt is missing")
    negative = block.negative
    if negative is not None and len(negative) > 1 and block.parameters is None:
        raise InputError(
            "more than one line follows the label of the negative prompt; "
            "leave a blank line above what is a prompt of its own"
        )
    settings, unknown = block.settings()
    if settings and any(map(next_option, block.text.split("\n")[:-1])):
        raise InputError(
            "a line above these settings has options of its own; leave a blank line between prompts"
        )
    if settings:
        # The tool that drew it took options in the prompt for words, and drawn again it should look the same.
        values = {"prompt": block.text}
        block.hints += [
            f"{found[0]} is drawn as words" for found in [option_in(block.text)] if found
        ]
    else:
        values = split_options(block.text)
    if negative is not None:
        if "negative_prompt" in values:
            raise InputError("the negative prompt is given twice")
        values["negative_prompt"] = "\n".join(negative)
    return {**values, **settings}, unknown


def split_options(line: str) -> dict[str, str]:
    """Split a line into field values; raise LineError with all problems of the line's options."""
    start = next_option(line)
    if start is None:
        return {"prompt": unquoted(line)}
    values: dict[str, str] = {}
    position = start.start()
    prompt = unquoted(line[:position].strip())
    if prompt:
        values["prompt"] = prompt
    wrong: list[str] = []
    while position < len(line) and len(wrong) < _MOST_WRONG:
        name, shown, value, position = _option(line, position)
        field = field_named(name, short=True)
        if field is None:
            wrong.append(unknown_name("option", f"--{name}", note="--literal draws it as words"))
        elif field == "prompt" and prompt:
            wrong.append(
                f"the prompt is given twice, as {quote(prompt)} and behind {shown}; write nothing before it"
            )
        elif field in values:
            wrong.append(f"{shown} is given twice")
        elif not value and field == "weighted":
            values[field] = "true"
        elif not value and field != "negative_prompt":
            wrong.append(f"{shown} has no value")
        else:
            values[field] = value
    if wrong:
        raise LineError(wrong)
    return values


def _option(line: str, position: int) -> tuple[str, str, str, int]:
    """Return an option's name, how to show it, its value, and the start of the next option."""
    head = _OPTION_HEAD.match(line, position)
    if head is None:  # only "--x=" is left
        raise InputError(f"the option {quote(line[position:])} cannot be read")
    dashes, name = head.groups()
    begin = head.end()
    shown = f"--{name}" if re.fullmatch(r"[\w-]{1,40}", name) else quote(f"--{name}")
    if dashes != "--":
        other = next((dash for dash in dashes if dash != "-"), None)
        shown += f" (written with {code_point(other) if other else 'three hyphens'})"
    opening = line[begin : begin + 1]
    if opening in QUOTES and opening:
        quoted = _quoted(line, begin)
        if quoted is not None:
            return name, shown, *quoted
        if opening == '"' and (closed := _DOUBLE_QUOTED.match(line, begin)):
            rest = line[closed.end() :].strip()
            raise InputError(f"unexpected {quote(rest)} after the value of {shown}")
        if opening not in APOSTROPHES:
            raise InputError(f"the quote after {shown} is not closed")
    following = next_option(line, begin)
    end = following.start() if following else len(line)
    return name, shown, line[begin:end].strip(), end


def _quoted(line: str, begin: int) -> tuple[str, int] | None:
    """Return the value in the quotes that open here, and the start of the next option; None if they do not close."""
    opening = line[begin]
    if opening == '"' and (straight := _DOUBLE_QUOTED.match(line, begin)):
        following = _following(line, straight.end())
        if following is not None:
            return _ESCAPE.sub(r"\1", straight[1]), following
    for closing in re.compile(f"[{QUOTES[opening]}]").finditer(line, begin + 1):
        following = _following(line, closing.end())
        if following is not None and not (opening == '"' and closing[0] == '"'):
            return line[begin + 1 : closing.start()], following
    return None


def _following(line: str, position: int) -> int | None:
    """Return the start of the next option, or the line's end, if only white space comes before it."""
    space = _SPACE.match(line, position)
    end = space.end() if space else position
    if end == len(line):
        return end
    return end if option_at(line, end) else None
