"""Sizes as people write them: 500MB, 1.5 GiB, 12G, and 80% of the machine's memory."""

from __future__ import annotations

import re
from collections.abc import Callable

from sdq_core.errors import InputError
from sdq_core.printable import quote
from sdq_core.values.machine import memory_bytes

_SIZE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*([KMG])(i?)B?", re.ASCII | re.IGNORECASE)
_POWERS = {"K": 1, "M": 2, "G": 3}
_SHARE = re.compile(r"([1-9][0-9]?|100)\s*%", re.ASCII)


def parse_size(text: str) -> int | None:
    """Return a size such as ``500MB`` or ``1.5 GiB`` in bytes, None if it is not one or 0."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        return None
    return int(float(found[1]) * (1024 if found[3] else 1000) ** _POWERS[found[2].upper()]) or None


def parse_memory(text: str, *, memory: Callable[[], int] = memory_bytes) -> int:
    """Return an amount of memory such as ``12G`` or ``80%`` in bytes; raise InputError for anything else.

    memory: returns how much the machine has, bytes.
    """
    if share := _SHARE.fullmatch(text.strip()):
        return memory() * int(share[1]) // 100
    size = parse_size(text)
    if size is None:
        raise InputError(f"{quote(text)} is not an amount of memory; write 12G or 80%")
    return size
