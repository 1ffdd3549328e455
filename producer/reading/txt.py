r"""Text files: one prompt per line, `#` for comments, options after the prompt.

Two dialects that other tools use, told apart by the position of the first option:

    --prompt "a red house" --negative_prompt "fog" --seed 7        AUTOMATIC1111's "prompts from file"
    a red house by the sea --steps 30 --n fog, rain --d 7          sdq's long options and kohya's short ones

The prompt is split from its options before quotes are read, so an apostrophe in it means nothing. An option is
`--` and a letter, at the start or after white space: "sea--calm" and "sea -- calm" are text. A value ends at the next
option, or at its closing quote; inside double quotes `\"` and `\\` stand for themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from producer.reading.fields import build_line
from producer.reading.names import field_named, unknown_name
from producer.reading.prompt_line import PromptLine
from sdq_core.errors import InputError
from sdq_core.printable import quote

_OPTION_START = re.compile(r"(?:^|(?<=\s))--(?=[A-Za-z])")
_OPTION_NAME = re.compile(r"--([^\s=]+)(?:=|\s+|$)")
_DOUBLE_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_SINGLE_QUOTED = re.compile(r"'([^']*)'(?=\s*$|\s+--[A-Za-z])")
#: The most problems reported for one line; the rest would repeat them.
_MOST_WRONG = 5
_ESCAPE = re.compile(r'\\(["\\])')


def read_txt(
    lines: Iterable[tuple[int, str]], *, name: str, literal: bool, problems: list[str]
) -> Iterator[PromptLine]:
    """Yield the usable lines, and add what is wrong with the others to `problems`.

    literal: take every line as it is, for prompts that contain another tool's options.
    """
    for number, text in lines:
        stripped = text.strip()
        if not stripped or stripped.startswith("#"):
            continue
        if stripped.startswith("\\#"):
            stripped = stripped[1:]
        source = f"{name}:{number}"
        try:
            values = {"prompt": stripped} if literal else split_options(stripped)
        except InputError as error:
            problems.append(f"{source}: {error}")
            continue
        line = build_line(values, source=source, problems=problems)
        if line is not None:
            yield line


def split_options(line: str) -> dict[str, str]:
    """Split a line into field values; raise InputError with all problems of the line's options."""
    start = _OPTION_START.search(line) if "--" in line else None
    if start is None:
        return {"prompt": line}
    values: dict[str, str] = {}
    prompt = line[: start.start()].strip()
    if prompt:
        values["prompt"] = prompt
    wrong: list[str] = []
    position = start.start()
    while position < len(line) and len(wrong) < _MOST_WRONG:
        name, value, position = _option(line, position)
        field = field_named(name, short=True)
        if field is None:
            wrong.append(
                unknown_name("option", f"--{name}")
                + " (or use --literal if it belongs to the prompt)"
            )
        elif field in values:
            wrong.append(f"{_shown(name)} is given twice")
        elif not value and field != "negative_prompt":
            wrong.append(f"{_shown(name)} has no value")
        else:
            values[field] = value
    if wrong:
        raise InputError("; ".join(wrong))
    return values


def _option(line: str, position: int) -> tuple[str, str, int]:
    """Return an option's name, its value and the start of the next option."""
    head = _OPTION_NAME.match(line, position)
    if head is None:  # only "--x=" is left
        raise InputError(f"the option {quote(line[position:])} cannot be read")
    name, begin = head[1], head.end()
    if line.startswith('"', begin):
        quoted = _DOUBLE_QUOTED.match(line, begin)
        if quoted is None:
            raise InputError(f"the quote after {_shown(name)} is not closed")
        following = re.compile(r"\s*(?=--[A-Za-z]|$)").match(line, quoted.end())
        if following is None:
            rest = line[quoted.end() :].strip()
            raise InputError(f"unexpected {quote(rest)} after the value of {_shown(name)}")
        return name, _ESCAPE.sub(r"\1", quoted[1]), following.end()
    single = _SINGLE_QUOTED.match(line, begin)
    if single is not None:
        end = single.end()
        return name, single[1], end + len(line[end:]) - len(line[end:].lstrip())
    next_option = _OPTION_START.search(line, begin)
    end = next_option.start() if next_option else len(line)
    return name, line[begin:end].strip(), end


def _shown(name: str) -> str:
    """Return an option for a message: as it is if it is a plain word, else escaped and shortened."""
    return f"--{name}" if re.fullmatch(r"[\w-]{1,40}", name) else quote(f"--{name}")
