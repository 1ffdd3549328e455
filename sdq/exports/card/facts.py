"""What a card is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sdq.exports.card.origins import Origin
from sdq.exports.card.tally import Tally


@dataclass(frozen=True, kw_only=True)
class CardFacts:
    """What a card says of a data set.

    title: its name for people.
    format: of its files.
    splits: images by split.
    tally: of all its images.
    origins: of the models, by name and revision.
    left_out: images that were asked for and are not in it, by why.
    conditions: of which its images fulfil at least one; empty if all were taken.
    license: that the user gives it, by the Hub's name; None for none.
    """

    title: str
    format: str
    splits: Mapping[str, int]
    tally: Tally
    origins: Mapping[tuple[str, str], Origin] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    conditions: Sequence[str] = ()
    license: str | None = None

    @property
    def images(self) -> int:
        """How many there are."""
        return sum(self.splits.values())
