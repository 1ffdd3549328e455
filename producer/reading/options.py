"""Where an option begins in a line of text.

An option is `--` and a letter, at the start or after white space: "sea--calm" and "sea -- calm" are text. So is another
dash, or three hyphens, unless an option's name stands right behind it: editors make one of two hyphens.
"""

from __future__ import annotations

import re

from producer.reading.characters import DASHES
from producer.reading.names import field_named, foreign

_START = re.compile(rf"(?:^|(?<=\s))([-{DASHES}]{{1,3}})(?=([A-Za-z][\w-]*))")
_NUMBER_BEHIND = re.compile(r"[\s=]+[0-9]")


def next_option(line: str, position: int = 0) -> re.Match[str] | None:
    """Return the dashes (group 1) before the next option's name (group 2), None if there is no option."""
    if "--" not in line and line.isascii():
        return None
    return next((start for start in _START.finditer(line, position) if _is_option(start)), None)


def option_at(line: str, position: int) -> bool:
    """Whether an option begins there."""
    start = _START.match(line, position)
    return start is not None and _is_option(start)


def _is_option(start: re.Match[str]) -> bool:
    dashes, name = start.groups()
    if dashes == "--":
        return True
    if dashes == "-":
        return False
    if field_named(name, short=True):
        return True
    # Many of other tools' options are ordinary words: a number behind them tells.
    return (
        foreign(name) is not None and _NUMBER_BEHIND.match(start.string, start.end(2)) is not None
    )
