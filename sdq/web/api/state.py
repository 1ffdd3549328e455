"""Who waits for an answer of one server, and what it has read. All of it is gone with the server."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from starlette.requests import Request

from sdq.web.api import waiting
from sdq.web.api.errors import ApiError
from sdq.web.api.submitting import Submitted
from sdq.web.api.waiting import Outcome
from sdq.web.reading import Sources
from sdq_core.models import ModelStore

#: How many requests may wait at a time; each looks at the ledger four times a second.
MOST_WAITING = 32


@dataclass(eq=False, kw_only=True)
class Drawing:
    """A request of AUTOMATIC1111's interface that is waited for.

    images, done: how many it asks for, and has.
    batch_id, batch_name: None until it is submitted.
    """

    images: int
    done: int = 0
    batch_id: int | None = None
    batch_name: str | None = None
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    is_interrupted: bool = False

    def count(self, done: int) -> None:
        """Note how many images there are by now."""
        self.done = done


class State:
    """Of one server."""

    def __init__(self, models: ModelStore) -> None:
        """models: read once, and again where they change."""
        self.models = models
        self.drawings: list[Drawing] = []
        self._waiting = 0

    @contextlib.contextmanager
    def drawing(self, images: int) -> Iterator[Drawing]:
        """Count a request as drawn for the block."""
        one = Drawing(images=images)
        self.drawings.append(one)
        try:
            yield one
        finally:
            self.drawings.remove(one)

    async def drawn(
        self,
        request: Request,
        sources: Sources,
        submitted: Submitted,
        count: Callable[[int], None] = lambda _: None,
    ) -> Outcome:
        """Wait as `sdq.web.api.waiting.drawn` does; raise ApiError if too many wait already."""
        if self._waiting >= MOST_WAITING:
            raise ApiError(
                429,
                f"{MOST_WAITING} requests wait already. This one is queued: ask for it again later.",
                code="rate_limit_exceeded",
                headers={"retry-after": "10"},
            )
        self._waiting += 1
        try:
            return await waiting.drawn(request, sources, self.models, submitted, count)
        finally:
            self._waiting -= 1


def state_of(request: Request) -> State:
    """Return the state of a request's server."""
    state = request.app.state.api
    assert isinstance(state, State)
    return state
