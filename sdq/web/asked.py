"""What a browser asks for: numbers in addresses, checked."""

from __future__ import annotations

import re

from starlette.requests import Request

from sdq_core.errors import InputMissingError, UsageError

#: The largest number that a database's integer holds has 19 digits.
_NUMBER = re.compile("[0-9]{1,18}")
_PLACE = re.compile("([0-9]{1,18})-([0-9]{1,18})")


def in_path(request: Request, name: str) -> int:
    """Return a number of the path; raise InputMissingError for one that nothing can have."""
    value: int = request.path_params[name]
    if value >= 10**18:
        raise InputMissingError("There is nothing with so large a number.")
    return value


def in_query(request: Request, name: str) -> int | None:
    """Return a number of the query, None without it; raise UsageError for anything else."""
    given = request.query_params.get(name, "")
    if not given:
        return None
    if not _NUMBER.fullmatch(given):
        raise UsageError(f"{name} has to be a number.")
    return int(given)


def place_in_query(request: Request, name: str) -> tuple[int, int]:
    """Return a place such as `12-345` of the query, (0, 0) without it; raise UsageError for anything else."""
    given = request.query_params.get(name, "")
    if not given:
        return (0, 0)
    place = _PLACE.fullmatch(given)
    if place is None:
        raise UsageError(f"{name} is not a place that a page of ours names.")
    return int(place[1]), int(place[2])
