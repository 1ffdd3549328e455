r"""Text files: one prompt per line, `#` for comments, options after the prompt.

Two dialects of options that other tools use, told apart by the position of the first option:

    --prompt "a red house" --negative_prompt "fog" --seed 7        AUTOMATIC1111's "prompts from file"
    a red house by the sea --steps 30 --n fog, rain --d 7          sdq's long options and kohya's short ones

The prompt is split from its options before quotes are read, so an apostrophe in it means nothing. An option is
`--` and a letter, at the start or after white space: "sea--calm" and "sea -- calm" are text. So is another dash,
unless an option's name stands right behind it: editors make one of two hyphens. A value ends at the next option, or at
its closing quote, straight or typographic; inside straight double quotes `\"` and `\\` stand for themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from producer.reading.characters import (
    APOSTROPHES,
    DASHES,
    INVISIBLE,
    QUOTES,
    code_point,
    unquoted,
)
from producer.reading.grid import build_lines
from producer.reading.line_error import LineError, causes_of
from producer.reading.names import field_named, is_foreign, unknown_name
from producer.reading.pasted import Block, blocks
from producer.reading.prompt_line import PromptLine
from producer.reading.remarks import Remarks
from sdq_core.errors import InputError
from sdq_core.printable import quote

_OPTION_START = re.compile(rf"(?:^|(?<=\s))([-{DASHES}]{{1,3}})(?=([A-Za-z][\w-]*))")
_OPTION_HEAD = re.compile(rf"([-{DASHES}]+)([^\s=]+)(?:=|\s+|$)")
_DOUBLE_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_NUMBER_BEHIND = re.compile(r"[\s=]+[0-9]")
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
    for block in found:
        source = f"{name}:{block.number}"
        try:
            values, unknown = ({"prompt": block.text or ""}, []) if literal else _values(block)
        except InputError as error:
            problems += [f"{source}: {cause}" for cause in causes_of(error)]
            continue
        built = build_lines(values, source=source, problems=problems)
        if built and unknown:
            remarks.hints.append(f"{source}: settings not taken over: {', '.join(unknown)}")
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
        raise InputError(block.wrong[0])
    if block.text is None:
        raise InputError("the prompt is missing")
    negative = block.negative
    if negative is not None and len(negative) > 1 and block.parameters is None:
        raise InputError(
            "more than one line follows the label of the negative prompt; "
            "leave a blank line above what is a prompt of its own"
        )
    settings, unknown = block.settings()
    # Generation data has its options in its last line.
    values = {"prompt": block.text} if settings else split_options(block.text)
    if negative is not None:
        if "negative_prompt" in values:
            raise InputError("the negative prompt is given twice")
        values["negative_prompt"] = "\n".join(negative)
    return {**values, **settings}, unknown


def split_options(line: str) -> dict[str, str]:
    """Split a line into field values; raise LineError with all problems of the line's options."""
    start = _next_option(line, 0)
    if start is None:
        return {"prompt": unquoted(line)}
    values: dict[str, str] = {}
    prompt = unquoted(line[:start].strip())
    if prompt:
        values["prompt"] = prompt
    wrong: list[str] = []
    position = start
    while position < len(line) and len(wrong) < _MOST_WRONG:
        name, shown, value, position = _option(line, position)
        field = field_named(name, short=True)
        if field is None:
            wrong.append(unknown_name("option", f"--{name}", note="--literal draws it as words"))
        elif field in values:
            wrong.append(f"{shown} is given twice")
        elif not value and field != "negative_prompt":
            wrong.append(f"{shown} has no value")
        else:
            values[field] = value
    if wrong:
        raise LineError(wrong)
    return values


def _next_option(line: str, position: int) -> int | None:
    """Return where the next option starts, None if there is none."""
    if "--" not in line and line.isascii():
        return None
    return next((s.start() for s in _OPTION_START.finditer(line, position) if _is_option(s)), None)


def _is_option(start: re.Match[str]) -> bool:
    dashes, name = start.groups()
    if dashes.isascii():
        return dashes == "--"
    if field_named(name, short=True):
        return True
    # Many of other tools' options are ordinary words: a number behind them tells.
    return is_foreign(name) and _NUMBER_BEHIND.match(start.string, start.end(2)) is not None


def _option(line: str, position: int) -> tuple[str, str, str, int]:
    """Return an option's name, how to show it, its value, and the start of the next option."""
    head = _OPTION_HEAD.match(line, position)
    if head is None:  # only "--x=" is left
        raise InputError(f"the option {quote(line[position:])} cannot be read")
    dashes, name = head.groups()
    begin = head.end()
    shown = f"--{name}" if re.fullmatch(r"[\w-]{1,40}", name) else quote(f"--{name}")
    if dashes != "--":
        shown += f" (written with {code_point(next(d for d in dashes if d != '-'))})"
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
    end = _next_option(line, begin)
    end = len(line) if end is None else end
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
    start = _OPTION_START.match(line, end)
    return end if start and _is_option(start) else None
