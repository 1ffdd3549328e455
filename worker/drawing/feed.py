"""The requests that an engine has not answered yet."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worker.claims.open_slice import OpenSlice
from worker.drawing.engines import LoadedEngine
from worker.engine.messages import Began, Event, Stepped
from worker.pipelines.contract import ImageRequest

#: The image being drawn and the next one, without which the engine would have nothing to do.
_ENOUGH = 2

#: Where an engine may draw two images of a slice at once: those, and the next two.
_AT_MOST = 4


@dataclass(kw_only=True, eq=False)
class Asked:
    """An image requested from the engine.

    begun: the engine has begun it.
    counted: and that attempt is counted in the ledger.
    forgiven: it was taken back, because the worker stops.
    evaluated: evaluations of the U-Net so far, and of the whole image.
    preview: what it would be by now; None without previews, and before the first step.
    """

    open_slice: OpenSlice
    seed: int
    begun: bool = False
    counted: bool = False
    forgiven: bool = False
    evaluated: tuple[int, int] = (0, 1)
    preview: NDArray[np.uint8] | None = None


class Feed:
    """The images in one engine's pipe, in the order of drawing."""

    def __init__(self, loaded: LoadedEngine) -> None:
        self.loaded = loaded
        self._asked: dict[int, Asked] = {}  # by the request's number
        self._numbers = itertools.count()
        self._withdrawals = 0  # not answered yet
        self._early: deque[Event] = deque()  # received and not handled yet

    @property
    def outstanding(self) -> int:
        """How many images are in the pipe."""
        return len(self._asked)

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
    def has_enough(self) -> bool:
        """Whether the engine has something to do after the image that it is drawing."""
        return len(self._asked) >= _ENOUGH

    @property
    def is_withdrawing(self) -> bool:
        """Whether the engine has yet to answer a withdrawal."""
        return self._withdrawals > 0

    @property
    def begun(self) -> Asked | None:
        """The image that the engine is drawing."""
        return next((asked for asked in self._asked.values() if asked.begun), None)

    @property
    def following(self) -> OpenSlice | None:
        """The slice of the next image that the engine has not begun."""
        return next((each.open_slice for each in self._asked.values() if not each.begun), None)

    def has_use_for_more(self, open_slice: OpenSlice) -> bool:
        """Whether to request another image of a slice in the pipe though there is enough: a pair needs no guidance."""
        return open_slice.recipe.guidance_scale <= 1 and self.holds(open_slice)

    def uncounted(self) -> list[Asked]:
        """List what the engine has begun and the ledger does not know of yet."""
        return [asked for asked in self._asked.values() if asked.begun and not asked.counted]

    def holds(self, open_slice: OpenSlice) -> bool:
        """Whether an image of this slice is in the pipe."""
        return any(asked.open_slice is open_slice for asked in self._asked.values())

    def __getitem__(self, number: int) -> Asked:
        """Return the image that a request is for."""
        return self._asked[number]

    def next_event(self, timeout_s: float) -> Event | None:
        """Return the engine's next event, waiting for it at most timeout_s seconds; see `Engine.poll` for errors."""
        return self._early.popleft() if self._early else self.loaded.engine.poll(timeout_s)

    def look_ahead(self) -> None:
        """Note what the engine has begun since the event that is being handled."""
        while not self._early and (event := self.loaded.engine.poll(0)) is not None:
            if isinstance(event, Began):
                self.note_begun(event.number)
            else:
                self._early.append(event)

    def ask(self, open_slice: OpenSlice, seed: int) -> None:
        """Request an image of a slice."""
        number = next(self._numbers)
        self._asked[number] = Asked(open_slice=open_slice, seed=seed)
        self.loaded.engine.request(
            number,
            ImageRequest.of(open_slice.recipe, seed),
            # Nothing else is to be lost with it again.
            alone=open_slice.attempts.get(seed, 0) > 0,
        )

    def note_begun(self, number: int) -> Asked:
        """Note that the engine has begun an image, and return it."""
        self._asked[number].begun = True
        return self._asked[number]

    def note_stepped(self, step: Stepped) -> None:
        """Note how far an image is, for whoever looks."""
        if asked := self._asked.get(step.number):
            asked.evaluated = step.done, step.total
            asked.preview = asked.preview if step.preview is None else step.preview

    def drop(self, asked: Asked) -> None:
        """Tell the engine not to go on with an image; it answers with Dropped, or with the image."""
        self.loaded.engine.drop(
            next(number for number, each in self._asked.items() if each is asked)
        )

    def settle(self, number: int) -> Asked:
        """Remove and return an image that was drawn, has failed or was dropped."""
        return self._asked.pop(number)

    def settle_begun(self) -> Asked | None:
        """Remove and return the image that the engine was drawing, if there is one."""
        number = next((number for number, asked in self._asked.items() if asked.begun), None)
        return None if number is None else self._asked.pop(number)

    def withdraw(self) -> None:
        """Tell the engine to drop what it has not begun."""
        self.loaded.engine.withdraw()
        self._withdrawals += 1

    def take_back(self, numbers: Iterable[int], *, answered: bool = False) -> None:
        """Put images back into their slices. answered: this is the engine's answer to `withdraw`."""
        if answered:
            self._withdrawals -= 1
        for number in reversed(list(numbers)):
            asked = self._asked.pop(number)
            asked.open_slice.pending.appendleft(asked.seed)

    def take_all_back(self) -> None:
        """Put all images back into their slices."""
        self.take_back(list(self._asked))
