"""What somebody thinks of an image."""

from __future__ import annotations

from enum import StrEnum


class Mark(StrEnum):
    """A mark, which is also the name of its column; an image has one or none."""

    FAVOURITE = "favourite"
    REJECTED = "rejected"

    @classmethod
    def of(cls, *, favourite: bool, rejected: bool) -> Mark | None:
        """Return the mark that an image has by its columns."""
        if favourite:
            return cls.FAVOURITE
        return cls.REJECTED if rejected else None
