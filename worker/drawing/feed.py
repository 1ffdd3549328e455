"""What an engine was asked for and has not answered yet."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from db.ledger import Ledger
from worker.claims.open_slice import OpenSlice
from worker.drawing.engines import LoadedEngine
from worker.pipelines.contract import ImageRequest

#: The image that is drawn and the one behind it; more would only be withdrawn at a stop.
_AT_MOST = 2


@dataclass(frozen=True, kw_only=True)
class Asked:
    """An image that the engine was asked for."""

    open_slice: OpenSlice
    seed: int


class Feed:
    """The images in one engine's pipe, in the order of drawing; each has its attempt noted in the ledger."""

    def __init__(self, loaded: LoadedEngine, ledger: Ledger) -> None:
        self.loaded = loaded
        self._ledger = ledger
        self._asked: dict[int, Asked] = {}  # by the request's number
        self._numbers = itertools.count()
        self._withdrawals = 0  # asked for and not yet answered

    @property
    def is_empty(self) -> bool:
        """Whether no image is in the pipe."""
        return not self._asked

    @property
    def is_settled(self) -> bool:
        """Whether the engine owes no answer."""
        return not (self._asked or self._withdrawals)

    @property
    def has_room(self) -> bool:
        """Whether the engine may be asked for another image now."""
        return len(self._asked) < _AT_MOST and not self._withdrawals

    @property
    def is_withdrawing(self) -> bool:
        """Whether the engine is yet to say what it forgets."""
        return self._withdrawals > 0

    def holds(self, open_slice: OpenSlice) -> bool:
        """Whether an image of this slice is in the pipe."""
        return any(asked.open_slice is open_slice for asked in self._asked.values())

    def __getitem__(self, number: int) -> Asked:
        """Return what a request asked for."""
        return self._asked[number]

    def ask(self, open_slice: OpenSlice, seed: int, noted: Mapping[int, int]) -> None:
        """Ask for an image of a slice. noted: the attempts of its seeds, as the ledger counts them now."""
        open_slice.pending.remove(seed)
        if seed not in noted:  # settled meanwhile, by another worker or for another batch
            return
        open_slice.attempts.update(noted)
        number = next(self._numbers)
        self._asked[number] = Asked(open_slice=open_slice, seed=seed)
        self.loaded.engine.request(number, ImageRequest.of(open_slice.recipe, seed))

    def settle(self, number: int) -> Asked:
        """Take an image out that was drawn or has failed."""
        return self._asked.pop(number)

    def settle_first(self) -> Asked | None:
        """Take the image out that the engine is on, if there is one."""
        return self._asked.pop(next(iter(self._asked))) if self._asked else None

    def withdraw(self) -> None:
        """Ask the engine to forget what it has not begun."""
        self.loaded.engine.withdraw()
        self._withdrawals += 1

    def take_back(self, numbers: Iterable[int], *, answered: bool = False) -> None:
        """Return images that were not begun to their slices; that was no attempt.

        answered: the engine says so itself, after `withdraw`.
        """
        if answered:
            self._withdrawals -= 1
        for number in numbers:
            asked = self._asked.pop(number)
            asked.open_slice.pending.appendleft(asked.seed)
            self._ledger.work.forgive_attempt(asked.open_slice.slice_.recipe_id, asked.seed)

    def take_all_back(self) -> None:
        """Return everything to its slices."""
        self.take_back(list(self._asked))
