"""What a condition is made of.

Each part is asked about an image, or beforehand about all images of a slice, which answers what depends on prompt,
settings and the user's own fields alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from db.columns.column import AskedImages
from db.columns.named import Named
from db.values import FinishedImage

#: What is true of a value that is not missing.
Holds = Callable[[Any], bool]


class Condition(Protocol):
    """What an image fulfils or not."""

    def of(self, image: FinishedImage) -> bool:
        """Tell whether an image fulfils it."""

    def given(self, asked: AskedImages) -> bool | Condition:
        """Tell whether all images of a slice fulfil it, or none; return what is left to ask if that differs."""

    def names(self) -> Iterator[Named]:
        """Yield the columns that it reads."""


@dataclass(frozen=True)
class Comparison:
    """A condition on the value of one column."""

    named: Named
    holds: Holds

    def of(self, image: FinishedImage) -> bool:
        """Tell whether an image fulfils it."""
        return self._of(image)

    def given(self, asked: AskedImages) -> bool | Condition:
        """Tell it for a slice, if the column is the same for all its images."""
        return self._of(asked) if self.named.column.asked else self

    def names(self) -> Iterator[Named]:
        """Yield its column."""
        yield self.named

    def _of(self, image: FinishedImage | AskedImages) -> bool:
        value = self.named.of(image)
        return value is not None and self.holds(value)


@dataclass(frozen=True)
class Missing:
    """There is no value."""

    named: Named

    def of(self, image: FinishedImage) -> bool:
        """Tell whether an image has none."""
        return self.named.of(image) is None

    def given(self, asked: AskedImages) -> bool | Condition:
        """Tell it for a slice, if the column is the same for all its images."""
        return self.named.of(asked) is None if self.named.column.asked else self

    def names(self) -> Iterator[Named]:
        """Yield its column."""
        yield self.named


@dataclass(frozen=True)
class Not:
    """The opposite of a condition."""

    part: Condition

    def of(self, image: FinishedImage) -> bool:
        """Tell whether an image does not fulfil it."""
        return not self.part.of(image)

    def given(self, asked: AskedImages) -> bool | Condition:
        """Tell it for a slice, or return the opposite of what is left."""
        left = self.part.given(asked)
        return not left if isinstance(left, bool) else Not(left)

    def names(self) -> Iterator[Named]:
        """Yield the columns of the condition."""
        return self.part.names()


@dataclass(frozen=True)
class Joined:
    """Several conditions. settled_by: the answer of any that settles it, False of `and` and True of `or`."""

    parts: Sequence[Condition]
    settled_by: bool

    def of(self, image: FinishedImage) -> bool:
        """Tell whether an image fulfils all of them, or one of them."""
        for part in self.parts:
            if part.of(image) is self.settled_by:
                return self.settled_by
        return not self.settled_by

    def given(self, asked: AskedImages) -> bool | Condition:
        """Tell it for a slice; one that settles it is enough, whatever the others depend on."""
        left: list[Condition] = []
        for part in self.parts:
            verdict = part.given(asked)
            if verdict is self.settled_by:
                return verdict
            if not isinstance(verdict, bool):
                left.append(verdict)
        if not left:
            return not self.settled_by
        return left[0] if len(left) == 1 else Joined(tuple(left), self.settled_by)

    def names(self) -> Iterator[Named]:
        """Yield the columns of all of them."""
        for part in self.parts:
            yield from part.names()
