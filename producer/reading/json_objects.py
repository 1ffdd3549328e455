"""JSON in prompt files: checked while it is parsed, and what is wrong with it in plain words."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

from producer.reading.characters import QUOTES, code_point
from producer.reading.fields import EXPORTED
from producer.reading.line_error import LineError
from producer.reading.names import field_named, unknown_name
from sdq_core.errors import InputError
from sdq_core.printable import quote

MAX_KEYS = 500
#: What an export adds to each object; only that it is there counts.
_RESULT = "result"
_HALF_PAIR = re.compile(r"\\u[dD][89a-fA-F]")

T = TypeVar("T")


class NotJSONError(InputError):
    """Text that is not JSON; position: where, counted from 0."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


def parse(text: str) -> Any:
    """Return the value of a text that is one JSON value; raise InputError for anything else."""
    value = _parsed(lambda: _DECODER.decode(text))
    if _HALF_PAIR.search(text):
        _check_pairs(value)
    return value


def parse_at(text: str, position: int) -> tuple[Any, int]:
    """Return the JSON value that begins at a position, and where it ends; raise InputError if none does."""
    return _parsed(lambda: _DECODER.raw_decode(text, position))


def fields(value: Any) -> dict[str, Any]:
    """Return an object's values by the fields that its keys mean; a text is a prompt.

    Raise InputError for anything else.
    """
    if isinstance(value, str):
        return {"prompt": value}
    if not isinstance(value, dict):
        raise InputError('the line must be an object such as {"prompt": "a red house"}')
    if len(value) > MAX_KEYS:
        raise InputError(f"there are {len(value):,} keys; the limit is {MAX_KEYS}")
    found: dict[str, Any] = {}
    wrong: list[str] = []
    for key, inner in value.items():
        if key == _RESULT:
            found[EXPORTED] = True
            continue
        field = field_named(key)
        if field is None:
            wrong.append(unknown_name("key", key))
        elif field in found:
            wrong.append(f"two keys mean {field}")
        else:
            found[field] = inner
    if wrong:
        other = None if "prompt" in found else _other_shape(value)
        raise LineError([other] if other else wrong)
    return found


def _other_shape(value: dict[str, Any]) -> str | None:
    """Return what an object without a prompt is, if it is known."""
    inner = list(value.values())
    if isinstance(value.get("nodes"), list) or any(
        "class_type" in one for one in inner if isinstance(one, dict)
    ):
        return "this is a workflow of ComfyUI; `sdq rerun` draws it, or write its prompts into a text file"
    if len(inner) == 1 and isinstance(inner[0], list):
        return f"the key {quote(*value)} holds a list; leave only the list itself"
    return None


def _parsed(decode: Callable[[], T]) -> T:
    try:
        return decode()
    except json.JSONDecodeError as error:
        raise NotJSONError(
            f"the line is not JSON: {_explained(error)} (column {error.colno})", error.pos
        ) from None
    except RecursionError:
        raise InputError("the JSON is nested too deep") from None


def _check_pairs(value: Any) -> None:
    """Raise InputError for half a surrogate pair anywhere: it could be stored, and never be written out again."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = f"\\u{ord(error.object[error.start]):x}"
        raise InputError(f"{half} is half a surrogate pair; remove it") from None


def _explained(error: json.JSONDecodeError) -> str:
    said, rest = error.msg, error.doc[error.pos : error.pos + 20]
    character = rest[:1]
    before = error.doc[: error.pos].rstrip()[-1:]
    causes = (
        (said.startswith("Unterminated"), "a text opens here and is not closed"),
        ("control character" in said,
         "a text contains a line end or another control character; write \\n for a line end"),
        ("escape" in said, "a backslash in a text is written twice"),
        (not character, "it ends here, but something is still open"),
        (character in QUOTES and character != '"',
         f'{quote(character)} ({code_point(character or " ")}) is not a JSON quote; use "'),
        ("trailing comma" in said or (before == "," and character in "]}"), "the last comma must go"),
        (said.startswith("Extra"), f"{quote(rest)} follows the object; write one object a line"),
    )  # fmt: skip
    return next((cause for applies, cause in causes if applies), f"{quote(rest)} was not expected")


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
