"""The requests that an engine has not answered yet."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from db.ledger import Ledger
from worker.claims.open_slice import OpenSlice
from worker.drawing.engines import LoadedEngine
from worker.pipelines.contract import ImageRequest

#: The image being drawn and the next one; more would only be withdrawn at a stop.
_AT_MOST = 2


@dataclass(frozen=True, kw_only=True)
class Asked:
    """An image requested from the engine."""

    open_slice: OpenSlice
    seed: int


class Feed:
    """The images in one engine's pipe, in the order of drawing; each attempt is noted in the ledger."""

    def __init__(self, loaded: LoadedEngine, ledger: Ledger) -> None:
        self.loaded = loaded
        self._ledger = ledger
        self._asked: dict[int, Asked] = {}  # by the request's number
        self._numbers = itertools.count()
        self._withdrawals = 0  # not answered yet

    @property
    def is_empty(self) -> bool:
        """Whether no image is in the pipe."""
        return not self._asked

    @property
    def is_settled(self) -> bool:
        """Whether no answer of the engine is outstanding."""
        return not (self._asked or self._withdrawals)

    @property
    def has_room(self) -> bool:
        """Whether another image may be requested now."""
        return len(self._asked) < _AT_MOST and not self._withdrawals

    @property
    def is_withdrawing(self) -> bool:
        """Whether the engine has yet to answer a withdrawal."""
        return self._withdrawals > 0

    def holds(self, open_slice: OpenSlice) -> bool:
        """Whether an image of this slice is in the pipe."""
        return any(asked.open_slice is open_slice for asked in self._asked.values())

    def __getitem__(self, number: int) -> Asked:
        """Return the image that a request is for."""
        return self._asked[number]

    def ask(self, open_slice: OpenSlice, seed: int, noted: Mapping[int, int]) -> None:
        """Request an image of a slice. noted: seed -> attempts, as counted in the ledger now."""
        open_slice.pending.remove(seed)
        if seed not in noted:  # settled in the meantime, by another worker or for another batch
            return
        open_slice.attempts.update(noted)
        number = next(self._numbers)
        self._asked[number] = Asked(open_slice=open_slice, seed=seed)
        self.loaded.engine.request(number, ImageRequest.of(open_slice.recipe, seed))

    def settle(self, number: int) -> Asked:
        """Remove and return an image that was drawn or has failed."""
        return self._asked.pop(number)

    def settle_first(self) -> Asked | None:
        """Remove and return the image that the engine is drawing, if there is one."""
        return self._asked.pop(next(iter(self._asked))) if self._asked else None

    def withdraw(self) -> None:
        """Tell the engine to drop what it has not begun."""
        self.loaded.engine.withdraw()
        self._withdrawals += 1

    def take_back(self, numbers: Iterable[int], *, answered: bool = False) -> None:
        """Put images that were not begun back into their slices; they do not count as attempts.

        answered: this is the engine's answer to `withdraw`.
        """
        if answered:
            self._withdrawals -= 1
        for number in numbers:
            asked = self._asked.pop(number)
            asked.open_slice.pending.appendleft(asked.seed)
            self._ledger.work.forgive_attempt(asked.open_slice.slice_.recipe_id, asked.seed)

    def take_all_back(self) -> None:
        """Put all images back into their slices."""
        self.take_back(list(self._asked))
