"""Batch files in YAML and TOML: prompts with options, where a list of values is a grid.

    steps: [20, 30]                        # what stands beside `prompts` is for all of them
    seed: 0-9
    prompts:
      - a red house by the sea
      - prompt: [a blue boat, a green boat]
        guidance_scale: [5, 7.5]
        tags: [boats]                      # seed, variant, tags and meta take lists as they are

A list at the top is one of prompts; an object with `prompt` is a single one. TOML says the same with `[[prompts]]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from producer.reading.grid import build_lines
from producer.reading.json_objects import fields
from producer.reading.line_error import causes_of
from producer.reading.located import DocumentError, Located, parse_toml, parse_yaml, whole_document
from producer.reading.prompt_line import PromptLine
from sdq_core.errors import InputError

_PROMPTS = "prompts"
_TABLE = re.compile(r"[ \t]*\[\[[ \t]*[\"']?prompts[\"']?[ \t]*\]\]")


def read_batch_file(
    lines: Iterable[tuple[int, str]], *, name: str, is_toml: bool, problems: list[str]
) -> Iterator[PromptLine]:
    """Yield the prompts of usable entries, and add what is wrong with the others to `problems`."""
    try:
        text = whole_document(iter(lines))
        document = parse_toml(text) if is_toml else parse_yaml(text)
        shared, entries = _entries(document)
    except DocumentError as error:
        problems.append(f"{name}:{error.line}: {error}")
        return
    if is_toml:
        entries = _with_lines(entries, text)
    try:
        common = fields({key: inner.plain() for key, inner in shared.items()}) if shared else {}
    except InputError as error:
        problems += [f"{name}:{document.line}: {cause}" for cause in causes_of(error)]
        return
    for entry in entries:
        source = f"{name}:{entry.line}"
        try:
            values = {**common, **_values(entry)}
        except InputError as error:
            problems += [f"{source}: {cause}" for cause in causes_of(error)]
            continue
        yield from build_lines(values, source=source, problems=problems)


def _entries(document: Located) -> tuple[dict[str, Located], list[Located]]:
    """Return what is for all entries, and the entries; raise DocumentError for another form."""
    value = document.value
    if value is None or value in ([], {}):
        return {}, []
    if isinstance(value, list):
        return {}, value
    if not isinstance(value, dict):
        raise DocumentError("the file must hold a list of prompts", document.line)
    if _PROMPTS not in value:
        return {}, [document]
    listed = value[_PROMPTS]
    if not isinstance(listed.value, list):
        raise DocumentError("prompts must be a list", listed.line)
    shared = {key: inner for key, inner in value.items() if key != _PROMPTS}
    return shared, listed.value


def _values(entry: Located) -> dict[str, Any]:
    if isinstance(entry.value, str):
        return {"prompt": entry.value}
    if not isinstance(entry.value, dict):
        raise InputError("an entry must be a text, or an object with a prompt")
    if entry.value and all(inner.value is None for inner in entry.value.values()):
        raise InputError(
            "an entry has no prompt; put quotes around a text that begins with a brace"
        )
    return fields(entry.plain())


def _with_lines(entries: list[Located], text: str) -> list[Located]:
    """Return TOML's entries with the lines of their headers, as far as these can be told."""
    found = [number for number, line in enumerate(text.split("\n"), 1) if _TABLE.match(line)]
    if len(found) != len(entries):
        return entries
    return [Located(entry.value, line) for entry, line in zip(entries, found, strict=True)]
