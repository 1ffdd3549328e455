"""JSON Lines: one object per line, with the options' names as keys and null for the default.

`custom_id`, `tags` and `meta` are the user's own. `result` is what an export adds; it is ignored, so that an exported
file can be submitted again.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from producer.reading.fields import build_line
from producer.reading.names import field_named, unknown_name
from producer.reading.prompt_line import PromptLine
from sdq_core.errors import InputError
from sdq_core.printable import quote

MAX_KEYS = 500
_PASSED_OVER = "result"


def read_jsonl(
    lines: Iterable[tuple[int, str]], *, name: str, problems: list[str]
) -> Iterator[PromptLine]:
    """Yield the usable lines, and add what is wrong with the others to `problems`."""
    for number, text in lines:
        if not text.strip():
            continue
        source = f"{name}:{number}"
        try:
            values = _fields(_parsed(text))
        except InputError as error:
            problems.append(f"{source}: {error}")
            continue
        line = build_line(values, source=source, problems=problems)
        if line is not None:
            yield line


def _parsed(text: str) -> dict[str, Any]:
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise InputError(f"the line is not JSON: {error.msg} at column {error.colno}") from None
    except RecursionError:
        raise InputError("the JSON is nested too deep") from None
    if not isinstance(value, dict):
        raise InputError('the line must be an object such as {"prompt": "a red house"}')
    if len(value) > MAX_KEYS:
        raise InputError(f"there are {len(value):,} keys; the limit is {MAX_KEYS}")
    return value


def _fields(value: dict[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    wrong: list[str] = []
    for key, inner in value.items():
        if key == _PASSED_OVER:
            continue
        field = field_named(key)
        if field is None:
            wrong.append(unknown_name("key", key))
        elif field in fields:
            wrong.append(f"two keys mean {field}")
        else:
            fields[field] = inner
    if wrong:
        raise InputError("; ".join(wrong))
    return fields


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        counts = Counter(key for key, _ in pairs)
        raise InputError(f"the key {quote(counts.most_common(1)[0][0])} is given twice")
    return made


def _integer(digits: str) -> int:
    # The time of int() grows with the square of the digits.
    if len(digits) > 100:
        raise InputError(f"the number {quote(digits)} has too many digits")
    return int(digits)


def _real(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise InputError(f"the number {quote(text)} is too large")
    return number


def _constant(text: str) -> float:
    raise InputError(f"{text} is not a JSON number")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_real, parse_constant=_constant
)
