"""A condition that was read."""

from __future__ import annotations

from dataclasses import dataclass

from db.columns.column import AskedImages
from db.columns.where.tree import Condition
from db.values import FinishedImage


@dataclass(frozen=True, kw_only=True)
class Where:
    """What images are chosen by; made by `parse_where`.

    text: as the user wrote it.
    columns: the names of the columns that it reads.
    condition: what it says.
    """

    text: str
    columns: frozenset[str]
    condition: Condition

    def __call__(self, image: FinishedImage) -> bool:
        """Tell whether an image is chosen; raise UsageError if a pattern takes too long on one of its texts."""
        return self.condition.of(image)

    def given(self, asked: AskedImages) -> bool | Condition:
        """Tell whether all images of a slice are chosen, or none; return what is left to ask if that differs."""
        return self.condition.given(asked)
