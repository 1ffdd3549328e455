"""One look at ledger and Redis, of which all pages and events are made."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from db.pace import Pace
from db.summaries.causes import Causes
from db.summaries.values import Cause
from db.values import BatchStatus, EngineRecord, FinishedImage, Mark, PausedVariant
from sdq.queue.connections import Connections
from sdq.views.live.hands import running_queues
from sdq_core.errors import SdqError
from sdq_core.queue.failures import redis_errors
from sdq_core.queue.in_hand import InHand

if TYPE_CHECKING:
    from db.ledger import Ledger
    from sdq_core.queue.previews import Preview, PreviewListener
    from sdq_core.queue.queues import Queues

#: Batches that are over and still shown.
_OVER = 20
#: New images that one look tells of; more come too fast to be seen.
_IMAGES = 40
#: A row may be seen this long after the time that is in it.
_LATE = timedelta(seconds=3)
_AFTER_TROUBLE_S = 10.0
#: Marks that are kept for pages that begin to listen.
_MARKS = 500
#: Of so many batches, so many failed images each are read, and so many causes told.
_FAILED_BATCHES, _FAILED_IMAGES, _CAUSES = 20, 200, 8


@dataclass(frozen=True, kw_only=True)
class AtWork:
    """A worker that lives.

    engine: the one that it started last.
    image: the one in its hand, None between two.
    preview: what that will be, as an address that holds the picture; empty if there is none yet, None if the worker
        makes none.
    """

    name: str
    engine: EngineRecord | None
    image: InHand | None
    preview: str | None = None


@dataclass(frozen=True, kw_only=True)
class Look:
    """What was seen.

    moment: when, UTC.
    waiting: the batches of which something is to be drawn, the oldest first.
    over: the newest of those that are done or cancelled, the newest first.
    pace: of all recent images; None if they are too few.
    paused: the variants that are not drawn.
    workers: those that live, by name; None without a Redis that runs.
    trouble: why it is not known who draws; empty if it is.
    failures: why images of these batches failed, the most frequent first.
    finished: the images that were finished lately and not told of before, the oldest first.
    marked: the images that were marked last in pages of this server: id -> the mark, empty for none.
    """

    moment: datetime
    waiting: Sequence[BatchStatus] = ()
    over: Sequence[BatchStatus] = ()
    pace: Pace | None = None
    paused: Sequence[PausedVariant] = ()
    workers: Sequence[AtWork] | None = None
    trouble: str = ""
    failures: Sequence[Cause] = ()
    finished: Sequence[FinishedImage] = ()
    marked: Mapping[int, str] = field(default_factory=dict)


class Looking:
    """Looks for one server, with a connection to Redis that is kept. Threads may share it."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._queues: Queues | None = None
        self._previews: PreviewListener | None = None
        self._ask_redis_at = 0.0
        self._trouble = ""
        self._lock = threading.Lock()
        self._told: dict[int, datetime] = {}
        self._failed: Mapping[int, int] = {}
        self._failures: Sequence[Cause] = ()
        self._marked: dict[int, str] = {}
        self._marking = threading.Lock()

    def look(self) -> Look:
        """Look, without new images. Raise as the ledger does."""
        with self._lock:
            return self._look()

    def news(self, before: Look | None) -> Look:
        """Look, with the images that no look told of yet; for one caller. before: what it saw last."""
        with self._lock:
            look = self._look()
            ledger = self._connections.existing_ledger()
            if ledger is None:
                return look
            since = (before or look).moment
            return replace(look, finished=self._finished(ledger, since))

    def note_mark(self, image_id: int, mark: Mark | None) -> None:
        """Note that a page marked an image: the ledger does not tell when that was. Waits for no look."""
        with self._marking:
            self._marked.pop(image_id, None)
            self._marked[image_id] = mark or ""
            while len(self._marked) > _MARKS:
                del self._marked[next(iter(self._marked))]

    def _marks(self) -> Mapping[int, str]:
        with self._marking:
            return dict(self._marked)

    def _look(self) -> Look:
        now = datetime.now(UTC)
        ledger = self._connections.existing_ledger()
        if ledger is None:
            return Look(moment=now)
        overview = ledger.batches.overview(ended=_OVER)
        workers = self._workers(ledger)
        return Look(
            moment=now,
            waiting=overview.batches,
            over=overview.ended,
            pace=overview.pace,
            paused=ledger.variants.paused(),
            workers=workers,
            trouble=self._trouble,
            failures=self._causes(ledger, [*overview.batches, *overview.ended]),
            marked=self._marks(),
        )

    def _finished(self, ledger: Ledger, since: datetime) -> Sequence[FinishedImage]:
        from_ = since - _LATE
        self._told = {id_: at for id_, at in self._told.items() if at >= from_}
        new = ledger.browsing.finished_since(from_, _IMAGES, without=self._told)
        self._told |= {image.id: image.finished_at for image in new}
        return new

    def _causes(self, ledger: Ledger, statuses: Sequence[BatchStatus]) -> Sequence[Cause]:
        """Return why images failed; asked again only when other numbers of images have."""
        failed = {status.id: status.failed for status in statuses if status.failed}
        if failed != self._failed:
            causes = Causes()
            for batch_id in list(failed)[:_FAILED_BATCHES]:
                for image in ledger.batches.failed_images(batch_id, _FAILED_IMAGES):
                    causes.add(image.batch_name, image.error)
            self._failures, _ = causes.most_frequent(_CAUSES)
            self._failed = failed
        return self._failures

    def _workers(self, ledger: Ledger) -> Sequence[AtWork] | None:
        """Return who draws; None without Redis, which is left alone for a while then, and never started for this."""
        if time.monotonic() < self._ask_redis_at:
            return None
        self._trouble = ""
        try:
            self._queues = self._queues or running_queues(self._connections.settings, ledger.id)
            if self._queues is None:
                return None
            with redis_errors():
                names = sorted(self._queues.claims.living())
                in_hand = self._queues.in_hand.watch_each(names)
                self._previews = self._previews or self._queues.previews.listen()
                previews = self._previews.newest()
        except SdqError as error:
            self._queues, self._previews, self._trouble = None, None, str(error)
            self._ask_redis_at = time.monotonic() + _AFTER_TROUBLE_S
            return None
        started = ledger.browsing.last_engines(names)
        return [
            AtWork(
                name=name,
                engine=started.get(name),
                image=in_hand.get(name),
                preview=_preview(in_hand.get(name), previews.get(name)),
            )
            for name in names
        ]


def _preview(image: InHand | None, newest: Preview | None) -> str | None:
    """Return the preview of an image, given the newest one that its worker made."""
    if image is None or newest is None:
        return None
    return newest.uri if newest.is_of(image) else ""
