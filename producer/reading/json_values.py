"""From values in files, text or JSON, to what a prompt line takes.

`field` is the value's name in messages.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from db.values import JSON
from producer.reading.characters import plain
from sdq_core.errors import InputError
from sdq_core.printable import quote

_NUMBER = re.compile(
    r"[+-]?[0-9]{1,20}(?:\.[0-9]{0,20})?(?:[eE][+-]?[0-9]{1,3})?|[+-]?\.[0-9]{1,20}"
)
#: As spreadsheets of many countries write it; three digits behind it could be thousands.
_DECIMAL_COMMA = re.compile(r"^([+-]?[0-9]+),([0-9]{1,2})$")
_FLAGS = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}
_KINDS: Sequence[tuple[type | tuple[type, ...], str]] = (
    (bool, "true or false"),
    ((int, float), "a number"),
    (str, "text"),
    (list, "a list"),
    (dict, "an object"),
)


def text(field: str, value: JSON) -> str:
    """Return a string; raise InputError for anything else."""
    if not isinstance(value, str):
        raise InputError(f"{field} must be text, not {_kind(value)}")
    return value


def number(field: str, value: JSON) -> float:
    """Return a number, written as text or not; raise InputError for anything else."""
    if isinstance(value, str):
        digits = _DECIMAL_COMMA.sub(r"\1.\2", plain(value))
        if not _NUMBER.fullmatch(digits):
            raise InputError(f"{field} is {quote(value.strip())}, which is not a number")
        return float(digits)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{field} must be a number, not {_kind(value)}")
    try:
        return float(value)
    except OverflowError:
        raise InputError(f"{field} is far too large") from None


def flag(field: str, value: JSON) -> bool:
    """Return true or false, written as text or not; raise InputError for anything else."""
    if isinstance(value, bool):
        return value
    found = _FLAGS.get(str(value).strip().lower()) if isinstance(value, str | int) else None
    if found is None:
        shown = quote(value.strip()) if isinstance(value, str) else _kind(value)
        raise InputError(f"{field} is {shown}; use true or false")
    return found


def is_decimal_comma(written: str) -> bool:
    """Tell whether a text may be a number with a decimal comma, such as 7,5."""
    return _DECIMAL_COMMA.match(written) is not None


def whole(field: str, value: JSON) -> int:
    """Return a whole number of at most 64 bits, written as text or not; raise InputError for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return bounded(field, value)
    if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]{1,20}", digits := plain(value)):
        return int(digits)
    found = number(field, value)
    if not found.is_integer():
        raise InputError(f"{field} is {quote(str(value))}, which is not a whole number")
    return bounded(field, int(found))


def bounded(field: str, value: int) -> int:
    """Return the number; raise InputError for more than 64 bits, so that no message prints thousands of digits."""
    if value.bit_length() > 64:
        raise InputError(f"{field} is far too large")
    return value


def count_values(value: JSON) -> int:
    """Count the strings, numbers, lists and objects of a JSON value; in memory they are far larger than as text."""
    count = 0
    waiting = [value]
    while waiting:
        inner = waiting.pop()
        count += 1
        if isinstance(inner, dict):
            waiting.extend(inner.values())
        elif isinstance(inner, list):
            waiting.extend(inner)
    return count


def _kind(value: JSON) -> str:
    return next((name for kind, name in _KINDS if isinstance(value, kind)), "null")
