"""Why a small file beside a model's parts cannot be read, in our own words."""

from __future__ import annotations

import json


def reason(error: Exception) -> str:
    """Return it for an error of reading a file, of its text or of its JSON; any other error speaks for itself."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, json.JSONDecodeError):
        return f"it is not JSON, as line {error.lineno} shows"
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    if isinstance(error, RecursionError):
        return "it is nested too deep"
    # Python refuses whole numbers of thousands of digits.
    return "a number in it is too large" if "integer string" in str(error) else str(error)
