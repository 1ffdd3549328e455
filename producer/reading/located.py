"""YAML and TOML as values with their lines, for prompt files and wildcards.

Only what JSON has comes out: texts, numbers, true, false, null, lists and objects. In YAML `no`, `12:30`, `007` and
`2024-05-01` are texts. Tags do nothing but `!!str`, and a document that would unfold to far more than it shows is
refused.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from db.values import JSON
from producer.reading.yaml_faults import yaml_fault
from sdq_core.errors import InputError
from sdq_core.printable import quote
from sdq_core.toml_faults import toml_fault

#: A document is parsed as a whole, which takes many times its size in memory.
MAX_DOCUMENT_CHARS = 2**23
_MAX_DEPTH = 64
_MAX_VALUES = 1_000_000
#: The time for TOML's dotted keys grows with the square of their dots.
_MAX_SQUARED_DOTS = 10**8


@dataclass(frozen=True, slots=True)
class Located:
    """A value and its line, from 1.

    value: a text, a number, true, false or null; a list of `Located`; or a dictionary of them by text.
    """

    value: Any
    line: int

    def plain(self) -> JSON:
        """Return the value without lines."""
        if isinstance(self.value, list):
            return [inner.plain() for inner in self.value]
        if isinstance(self.value, dict):
            return {key: inner.plain() for key, inner in self.value.items()}
        return self.value


class DocumentError(InputError):
    """What is wrong with a document; line: where."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


def located(value: Any, line: int, depth: int = 0) -> Located:
    """Return a value of another parser, all of it at one line; raise DocumentError for one that is nested too deep."""
    if depth > _MAX_DEPTH:
        raise DocumentError(f"it is nested more than {_MAX_DEPTH} levels deep", line)
    if isinstance(value, list):
        return Located([located(inner, line, depth + 1) for inner in value], line)
    if isinstance(value, dict):
        inside = {str(key): located(inner, line, depth + 1) for key, inner in value.items()}
        return Located(inside, line)
    if isinstance(value, str | int | None) or (isinstance(value, float) and math.isfinite(value)):
        return Located(value, line)
    return Located(str(value), line)  # a date of TOML, or what is no number


def parse_toml(text: str) -> Located:
    """Parse TOML; only where an error is, is known by its line. Raise DocumentError for anything else."""
    if sum(line.count(".") ** 2 for line in text.split("\n")) > _MAX_SQUARED_DOTS:
        raise DocumentError("this TOML has lines with thousands of dots", 1)
    try:
        return located(tomllib.loads(text), 1)
    except tomllib.TOMLDecodeError as error:
        fault, number = toml_fault(error, text)
        raise DocumentError(f"this is not TOML: {fault}", number) from None
    except (RecursionError, ValueError):
        raise DocumentError(
            "this is not TOML that can be read: a number or a list is too large", 1
        ) from None


def parse_yaml(text: str, *, only_texts: bool = False) -> Located:
    """Parse one YAML document; an empty one is null. Raise DocumentError for anything else.

    only_texts: return every scalar as the text it was written as.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast where it is
    builder = _Builder(only_texts)
    try:
        for event in yaml.parse(text, Loader=loader):
            builder.take(event, yaml)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        shown = text.split("\n")[min(line, text.count("\n") + 1) - 1]
        fault = yaml_fault(error.problem or error.context or "", shown)
        raise DocumentError(f"this is not YAML: {fault}", line) from None
    except yaml.YAMLError:
        raise DocumentError("this is not YAML: it contains a control character", 1) from None
    return builder.result or Located(None, 1)


@dataclass(slots=True)
class _Open:
    """A list or an object that is not complete; key: that of the value to come."""

    value: Any
    line: int
    anchor: str | None
    key: str | None = None
    values: int = 1


class _Builder:
    """Builds values from YAML's events; without recursion, so that depth is no matter."""

    def __init__(self, only_texts: bool) -> None:
        self.result: Located | None = None
        self._only_texts = only_texts
        self._open: list[_Open] = []
        self._anchored: dict[str, tuple[Located, int]] = {}

    def take(self, event: Any, yaml: Any) -> None:
        """Add what an event says."""
        line = event.start_mark.line + 1
        if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            if len(self._open) == _MAX_DEPTH:
                raise DocumentError(f"it is nested more than {_MAX_DEPTH} levels deep", line)
            if self._open and isinstance(self._open[-1].value, dict) and self._open[-1].key is None:
                raise DocumentError("a key is a list or an object; write a text", line)
            value: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
            self._open.append(_Open(value, line, event.anchor))
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            closed = self._open.pop()
            self._add(Located(closed.value, closed.line), closed.values, closed.anchor)
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchored:
                raise DocumentError(f"nothing above is named {quote(f'&{event.anchor}')}", line)
            self._add(*self._anchored[event.anchor], None)
        elif isinstance(event, yaml.ScalarEvent):
            is_text = self._only_texts or not event.implicit[0] or self._expects_key()
            made = event.value if is_text else _scalar(event.value)
            self._add(Located(made, line), 1, event.anchor)
        elif isinstance(event, yaml.DocumentStartEvent) and self.result is not None:
            raise DocumentError(
                "a second document begins here; write them in files of their own", line
            )

    def _expects_key(self) -> bool:
        return (
            bool(self._open)
            and isinstance(self._open[-1].value, dict)
            and self._open[-1].key is None
        )

    def _add(self, made: Located, values: int, anchor: str | None) -> None:
        if anchor:
            self._anchored[anchor] = made, values
        if not self._open:
            self.result = made
            return
        into = self._open[-1]
        if isinstance(into.value, list):
            into.value.append(made)
        elif into.key is None:
            if not isinstance(made.value, str):
                raise DocumentError("a key is a list or an object; write a text", made.line)
            if made.value in into.value:
                raise DocumentError(f"the key {quote(made.value)} is given twice", made.line)
            into.key = made.value
            return
        else:
            into.value[into.key] = made
            into.key = None
        into.values += values
        if into.values > _MAX_VALUES:
            raise DocumentError(f"it has more than {_MAX_VALUES:,} values", made.line)


_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
#: What both YAML 1.1, which many programs write, and 1.2 take for numbers: 007 and 1e5 stay texts.
_WHOLE = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,99})")
_REAL = re.compile(r"[-+]?(?:[0-9]{1,100}\.[0-9]{0,100}(?:[eE][-+][0-9]{1,3})?|\.[0-9]{1,100})")


def _scalar(written: str) -> JSON:
    if written in _NULLS:
        return None
    if written in _BOOLEANS:
        return _BOOLEANS[written]
    if _WHOLE.fullmatch(written):
        return int(written)
    if _REAL.fullmatch(written) and math.isfinite(float(written)):
        return float(written)
    return written


def whole_document(lines: Iterator[tuple[int, str]]) -> str:
    """Return all lines in one; raise DocumentError if they are too many."""
    kept, chars, number = [], 0, 1
    for number, text in lines:
        kept.append(text)
        chars += len(text) + 1
        if chars > MAX_DOCUMENT_CHARS:
            raise DocumentError(
                f"the file has more than {MAX_DOCUMENT_CHARS:,} characters; split it", number
            )
    return "\n".join(kept)
