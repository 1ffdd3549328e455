"""What a handler has: the settings, the ledger and the queues.

Handlers are plain functions: they run in threads, which share one ledger. One that has to wait for long is `async def`,
sleeps there, and asks the ledger in a thread (`starlette.concurrency.run_in_threadpool`), or it would hold up all
others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.requests import Request

from sdq.queue.batch import Batch
from sdq.queue.connections import Connections
from sdq.web.access import Access
from sdq_core.errors import InputMissingError
from sdq_core.models import ModelStore
from sdq_core.settings import Settings

if TYPE_CHECKING:
    from db.ledger import Ledger
    from db.values import BatchStatus
    from sdq.web.feed import Feed
    from sdq.web.look import Looking
    from sdq.web.pictures import Thumbnails


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Of one server. Threads may share them.

    hide: takes what is secret out of a sentence.
    connections: those of `sdq.Queue`, which open the ledger when it is there, and never make one by reading.
    looking: what is to be seen now.
    feed: what changes, for events.
    thumbnails: of images, for pages.
    models: those on this disk, read once, and again where they change.
    """

    settings: Settings
    access: Access
    hide: Callable[[str], str]
    connections: Connections
    looking: Looking
    feed: Feed
    thumbnails: Thumbnails
    models: ModelStore

    @property
    def existing_ledger(self) -> Ledger | None:
        """The ledger, None if nothing was ever submitted."""
        return self.connections.existing_ledger()

    @property
    def ledger(self) -> Ledger:
        """The ledger; raise InputMissingError if nothing was ever submitted."""
        ledger = self.existing_ledger
        if ledger is None:
            raise InputMissingError("Nothing was submitted yet.")
        return ledger

    def status(self, name: str | int) -> BatchStatus:
        """Return how a batch stands, by its whole name or its id; raise InputMissingError if there is none."""
        ledger = self.existing_ledger
        status = ledger.batches.find(name) if ledger else None
        if status is None:
            raise InputMissingError(f"There is no batch {name!r}.")
        return status

    def batch(self, name: str | int) -> Batch:
        """Return a batch, to do something with it; raise InputMissingError if there is none."""
        status = self.status(name)
        return Batch(self.connections, status.id, status.name)


def sources_of(request: Request) -> Sources:
    """Return what the handler of a request has."""
    sources = request.app.state.sources
    assert isinstance(sources, Sources)
    return sources
