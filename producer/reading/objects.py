"""Prompts as Python values: texts, and objects with the keys of jsonl.

What Python has and JSON lacks is taken for what is meant: tuples and arrays are lists, a `range` is its seeds, numbers
of NumPy are numbers, and NaN, as data frames mark what is missing, is null.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from db.values import JSON
from producer.reading.jsonl import lines_of
from producer.reading.lines import MAX_PROBLEMS
from producer.reading.prompt_line import PromptLine
from sdq_core.errors import InputError, PromptFileError
from sdq_core.printable import quote
from sdq_core.values.seeds import format_seeds

#: What stands for a file's name in messages.
PLACE = "prompts"
_MAX_DEPTH = 64


def read_objects(objects: Iterable[object], *, problems: list[str]) -> Iterator[PromptLine]:
    """Yield the usable ones, and add what is wrong with the others to `problems`, behind ``prompts[0]``."""
    for index, value in enumerate(objects):
        if len(problems) >= MAX_PROBLEMS:
            raise PromptFileError(problems)
        place = f"{PLACE}[{index}]"
        try:
            plain = as_json(value)
        except InputError as error:
            problems.append(f"{place}: {error}")
            continue
        yield from lines_of(plain, place, problems)


def as_json(value: Any, depth: int = 0) -> JSON:
    """Return a Python value as JSON has it; raise InputError for what JSON has not."""
    if depth > _MAX_DEPTH:
        raise InputError(f"it is nested more than {_MAX_DEPTH} levels deep")
    if isinstance(value, Mapping):
        return {_key(key): as_json(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(inner, depth + 1) for inner in value]
    # NumPy's arrays and numbers, also its floats, which are Python's too.
    if hasattr(value, "tolist"):
        return as_json(value.tolist(), depth + 1)
    return _scalar(value)


def _scalar(value: Any) -> JSON:
    if isinstance(value, range):
        return format_seeds(value)
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    if isinstance(value, float):
        if math.isinf(value):
            raise InputError("a number is infinite")
        return None if math.isnan(value) else value
    if isinstance(value, str | int | None):
        return value
    raise InputError(
        f"there is a value of the type {quote(type(value).__name__)}; use texts, numbers, lists and dictionaries"
    )


def _key(key: object) -> str:
    if isinstance(key, str):
        return key
    raise InputError(f"the key {quote(str(key))} is not text")
