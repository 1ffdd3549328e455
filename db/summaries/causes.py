"""Groups failed images by what is recorded of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from db.summaries.values import Cause

#: What differs between two images that failed of the same: process ids, seconds, sizes, addresses.
_NUMBER = re.compile(r"0x[0-9a-f]+|[0-9]+(?:[.,][0-9]+)*", re.IGNORECASE)

#: A library may put anything into its message. Beyond this many kinds, new ones are counted and not told apart.
_MOST_KINDS = 500
_MOST_CHARS = 500


class Causes:
    """The causes of the failed images so far. Errors that differ in their numbers only are one cause."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[str, Counter[str]]] = {}
        self._others = 0

    def add(self, batch_name: str, error: str) -> None:
        """Count one failed image."""
        shown = " ".join(error[:_MOST_CHARS].split())
        kind = _NUMBER.sub("0", shown)
        if kind not in self._found and len(self._found) >= _MOST_KINDS:
            self._others += 1
            return
        self._found.setdefault(kind, (shown, Counter()))[1][batch_name] += 1

    def most_frequent(self, most: int) -> tuple[Sequence[Cause], int]:
        """Return the most frequent causes, and how many images failed of others."""
        causes = [Cause(error=error, images=dict(images)) for error, images in self._found.values()]
        causes.sort(key=lambda cause: -cause.count)
        return causes[:most], self._others + sum(cause.count for cause in causes[most:])
