"""What is wrong with a text of TOML, in words for whoever wrote it."""

from __future__ import annotations

import re
import tomllib

#: What Python's parser says -> what that means.
_MEANINGS = (
    ("Invalid value", "put straight quotes around a text"),
    ("Expected '=' after a key", "a key has no = and value behind it"),
    ("Expected newline or end of document", "something stands behind a value; write one setting a line"),
    ("Unclosed", "a bracket that opens is not closed"),
    ("Unterminated", "a quote that opens is not closed"),
    ("Illegal character", "a quote that opens is not closed on its line, or a control character is in it"),
    ("Unescaped '\\'", "write \\\\ for a \\, or put the text in single quotes"),
    ("Cannot", "a key is given twice"),
    ("Duplicate", "a key is given twice"),
)  # fmt: skip


def toml_fault(error: tomllib.TOMLDecodeError, text: str) -> tuple[str, int]:
    """Return what is wrong with a text that cannot be parsed, a clause, and in which line, from 1."""
    said, _, place = str(error).partition(" (at ")
    line = re.match(r"line ([0-9]+)", place)
    found = (meaning for phrase, meaning in _MEANINGS if phrase in said)
    return (
        next(found, "check the quotes, brackets and commas of this line"),
        int(line[1]) if line else text.count("\n") + 1,
    )
