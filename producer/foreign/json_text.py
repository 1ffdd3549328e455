"""JSON that another program wrote: NaN, twice the same key and other small sins are no reason to refuse an image."""

from __future__ import annotations

import json
from typing import Any

from sdq_core.errors import InputError

#: The time of int() grows with the square of the digits. A seed has twenty at most.
_MAX_DIGITS = 30


def json_object(text: str, name: str) -> dict[str, Any]:
    """Return a text's object; raise InputError, with a clause, for anything else. name: of the text."""
    try:
        value = _DECODER.decode(text)
    except (ValueError, RecursionError):
        raise InputError(f"its {name} is not JSON") from None
    if not isinstance(value, dict):
        raise InputError(f"its {name} is not a JSON object")
    return value


def text_of(value: Any) -> str | None:
    """Return a value if it is text, else None."""
    return value if isinstance(value, str) else None


def list_of(value: Any) -> list[Any]:
    """Return a value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def dict_of(value: Any) -> dict[str, Any]:
    """Return a value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def _integer(digits: str) -> int | None:
    return int(digits) if len(digits) <= _MAX_DIGITS else None


_DECODER = json.JSONDecoder(parse_int=_integer, parse_constant=lambda _: None)
