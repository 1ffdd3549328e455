"""The images that are compared: those of a batch, or those with one value of a column.

An image belongs to another one with the same prompts, the same seed, and the same of whatever else both sides have in
common. What they have nothing of in common is what is compared: one side was drawn with `original`, the other with
`split_einsum`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from db.values import EngineRecord, FinishedImage
from sdq.sheets.axis import SETTINGS, Axis, Value
from sdq_core.values.recipes import Recipe

Prompts = tuple[str, str, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """An image that may have a partner: what is needed of it, as there may be very many.

    settings: its values of `SETTINGS`, which partners have in common where both sides can.
    flagged: the safety checker flagged it.
    """

    batch_name: str
    entry: int
    seed: int
    recipe: Recipe
    engine: EngineRecord
    settings: tuple[Value, ...]
    path: str
    pixels_sha256: str
    flagged: bool

    @property
    def prompts(self) -> Prompts:
        """What every partner has, too."""
        return self.recipe.prompt, self.recipe.negative_prompt, self.seed


@dataclass(frozen=True, kw_only=True)
class Side:
    """Images under one name."""

    name: str
    images: dict[Prompts, list[Candidate]] = field(default_factory=dict)
    values: tuple[set[Value], ...] = field(default_factory=lambda: tuple(set() for _ in SETTINGS))

    def add(self, image: FinishedImage) -> None:
        """Add an image."""
        found = Candidate(
            batch_name=image.batch_name,
            entry=image.entry,
            seed=image.seed,
            recipe=image.recipe,
            engine=image.engine,
            settings=tuple(axis.of(image) for axis in SETTINGS),
            path=image.image.path,
            pixels_sha256=image.image.pixels_sha256,
            flagged=bool(image.image.nsfw_flagged),
        )
        self.images.setdefault(found.prompts, []).append(found)
        for seen, value in zip(self.values, found.settings, strict=True):
            seen.add(value)

    def __len__(self) -> int:
        return sum(map(len, self.images.values()))


@dataclass(frozen=True, kw_only=True)
class Matched:
    """What belongs together.

    pairs: an image of the first side and its partner.
    alone: how many of each side have no partner.
    """

    pairs: Sequence[tuple[Candidate, Candidate]]
    alone: tuple[int, int]


def matched(one: Side, other: Side) -> Matched:
    """Find each image's partner. Of several that could be one, the first of its batch is taken."""
    common = [
        number
        for number, (mine, theirs) in enumerate(zip(one.values, other.values, strict=True))
        if mine & theirs
    ]

    def keyed(images: Iterable[Candidate]) -> dict[tuple[Value, ...], Candidate]:
        found: dict[tuple[Value, ...], Candidate] = {}
        for image in images:
            found.setdefault(tuple(image.settings[number] for number in common), image)
        return found

    def pairs() -> Iterator[tuple[Candidate, Candidate]]:
        for prompts in one.images.keys() & other.images.keys():
            partners = keyed(other.images[prompts])
            for key, image in keyed(one.images[prompts]).items():
                if partner := partners.get(key):
                    yield image, partner

    found = sorted(pairs(), key=lambda pair: (pair[0].batch_name, pair[0].entry, pair[0].seed))
    return Matched(pairs=found, alone=(len(one) - len(found), len(other) - len(found)))


def sides_by(images: Iterable[FinishedImage], axis: Axis) -> list[Side]:
    """Return a side for each value of a column, in the order in which they come."""
    sides: dict[Value, Side] = {}
    for image in images:
        value = axis.of(image)
        if value not in sides:
            sides[value] = Side(name=axis.label(value))
        sides[value].add(image)
    return list(sides.values())
