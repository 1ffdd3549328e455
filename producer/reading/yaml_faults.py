"""What is wrong with a document of YAML, in words for whoever wrote it; its parser speaks of tokens."""

from __future__ import annotations

import re

_COLON = "': ' stands where no key can be; put quotes around a text that has it, and begin keys in the same column"
_OPEN = "a bracket or a quote that opens is not closed"
_INDENTED = "the spaces at its beginning do not fit those of the lines above"
#: What a parser says -> what that means.
_MEANINGS = (
    ("mapping values are not allowed", _COLON),
    ("could not find expected ':'", "a key has no ':' behind it"),
    ("did not find expected ',' or", _OPEN),
    ("unexpected end of stream", _OPEN),
    ("did not find expected node content", _OPEN),
    ("did not find expected '-' indicator", _INDENTED),
    ("expected <block end>", _INDENTED),
    ("did not find expected key", _INDENTED),
    ("block sequence entries are not allowed", "a list begins on a line of its own"),
    ("undefined tag handle", "put quotes around a text that begins with '!'"),
)


def yaml_fault(said: str, line: str) -> str:
    """Return what is wrong. said: by the parser. line: where it stopped."""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "a tab stands at the beginning of a line; use spaces"
    if "cannot start any token" in said:
        return "put quotes around a text that begins with @, ` or %"
    if re.search(r":\s+\{|^\s*(?:- +)?\{", line):
        return "put quotes around a text that begins with a brace"
    found = (meaning for phrase, meaning in _MEANINGS if phrase in said)
    return next(found, "check the quotes, brackets and spaces of this line and the one above")
