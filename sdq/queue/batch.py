"""A batch as Python's users have it: how it stands, its images, and what can be done with it."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sdq.queue.arguments import bounded, one_of, text_of
from sdq.queue.image import Image, thumbnail_tag
from sdq.queue.status import Status, public
from sdq_core.errors import ConfigurationError, InputMissingError, SdqError, UsageError

if TYPE_CHECKING:
    import pandas

    from db.ledger import Ledger
    from db.values import BatchStatus, FinishedImage
    from sdq.queue.connections import Connections

_SHOWN_IMAGES = 8
_SHOWN_PIXELS = 96
#: As long as commands wait for another process that queues slices, s.
_PATIENCE_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Failure:
    """An image that was given up.

    entry: the number of its prompt in the batch, from 1.
    attempts: how often it was tried.
    error: what went wrong at the last attempt.
    """

    prompt: str
    seed: int
    entry: int
    attempts: int
    error: str


class Batch:
    """A named collection of images that grows with each submission to it. `Queue.batch` finds it.

    Methods raise InputMissingError once it is removed, as by `sdq prune`.
    """

    def __init__(self, connections: Connections, batch_id: int, name: str) -> None:
        """Take what `Queue` found."""
        self._connections = connections
        self._id = batch_id
        self._name = name

    @property
    def id(self) -> int:
        """Its id in the ledger."""
        return self._id

    @property
    def name(self) -> str:
        """Its name."""
        return self._name

    def status(self) -> Status:
        """Return how it stands now."""
        return public(self._status())

    def wait(
        self, timeout: float | None = None, on_progress: Callable[[Status], object] | None = None
    ) -> Status:
        """Wait until it is over, completed or cancelled, and return how it stands.

        This draws nothing: a worker does. Where nothing is drawn because none runs, or for another reason that can be
        seen from here, a warning is logged; a Redis or database that cannot be reached is waited for.

        timeout: for how long at most, s; None for any time.
        on_progress: called with the status at first, and whenever the counts or the state have changed.

        Raise TimeoutError, which says how far it is and what hinders it, UsageError for a timeout that is not a number.
        """
        from sdq.queue.waiting import Waiting

        if timeout is not None and math.isnan(timeout):  # no time is later than it
            raise UsageError("timeout is nan, which is not a number of seconds.")
        return Waiting(self._connections, self._id, self._name, on_progress).wait(timeout)

    def images(
        self, where: str | None = None, *, sort: str | None = None, limit: int | None = None
    ) -> Iterator[Image]:
        """Yield the images that are drawn; memory does not grow with their number.

        where: only those for which a condition holds, such as `"seed < 10"` (docs/columns.md).
        sort: in the order of columns, such as `"-finished_at"`; by default in that of prompts and seeds.
        limit: at most this many.

        Images that are drawn meanwhile may be among them. Raise UsageError for what cannot be read.
        """
        outputs = self._connections.settings.outputs
        found = self._finished(where, sort, limit)
        return (Image(one, outputs / one.image.path) for one in found)

    def to_pandas(
        self,
        columns: Iterable[str] | None = None,
        where: str | None = None,
        *,
        sort: str | None = None,
        limit: int | None = None,
    ) -> pandas.DataFrame:
        """Return the images that are drawn as a data frame, one row each.

        columns: those that are wanted, in this order, such as `["seed", "steps", "meta.album"]`; all by default.
        where, sort, limit: as for `images`.

        Raise UsageError for a column that there is not, ConfigurationError without pandas.
        """
        try:
            import pandas
        except ImportError:
            raise ConfigurationError("pandas is not installed. Run `pip install pandas`.") from None
        chosen = _columns(columns)
        values: dict[str, list[object]] = {name: [] for name in chosen}
        for image in self._finished(where, sort, limit):
            for name, value_of in chosen.items():
                values[name].append(value_of(image))
        return pandas.DataFrame(values, columns=list(chosen))

    def failures(self, limit: int | None = None) -> list[Failure]:
        """Return the images that were given up, and why. limit: at most this many."""
        return [
            Failure(
                prompt=failed.recipe.prompt,
                seed=failed.seed,
                entry=failed.entry,
                attempts=failed.attempts,
                error=failed.error,
            )
            for failed in self._ledger.batches.failed_images(self._id, bounded("limit", limit, 0))
        ]

    def pause(self) -> None:
        """Draw no more of it until `resume`; the current image is finished."""
        from db.values import BatchState

        self._ledger.batches.set_state(self._id, BatchState.PAUSED)

    def cancel(self) -> None:
        """Draw no more of it; the current image is finished, and finished ones stay. `resume` goes on where it was."""
        from db.values import BatchState

        self._ledger.batches.set_state(self._id, BatchState.CANCELLED)

    def resume(self) -> None:
        """Go on with it after `pause` or `cancel`."""
        from db.dispatch import reconcile
        from db.values import BatchState

        ledger = self._ledger
        ledger.batches.set_state(self._id, BatchState.ACTIVE)
        reconcile(ledger, self._connections.queues(), wait_s=_PATIENCE_S)

    def retry(self) -> int:
        """Queue its failed images again, with their attempts reset; return how many."""
        from db.dispatch import reconcile

        ledger = self._ledger
        queues = self._connections.queues()  # before anything is changed
        retried = ledger.batches.retry_failed(self._id)
        reconcile(ledger, queues, wait_s=_PATIENCE_S)
        return retried

    def move(self, *, priority: str | None = None, to_front: bool = False) -> None:
        """Draw it earlier or later, at once and for all of its images.

        priority: `high`, `normal` or `low`; by default the one it has.
        to_front: before all others of its priority, instead of in turns with them.
        """
        from db.dispatch import reorder
        from sdq_core.values.order import Priority

        word = one_of("priority", priority, Priority)
        if word is None and not to_front:
            raise UsageError("Say where to: to_front=True, a priority, or both.")
        ledger = self._ledger
        queues = self._connections.queues()
        ledger.batches.move(self._id, priority=Priority(word) if word else None, to_front=to_front)
        reorder(ledger, queues)

    def __eq__(self, other: object) -> bool:
        """Say whether both are the same batch of the same ledger."""
        return isinstance(other, Batch) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    def __repr__(self) -> str:
        return f"<sdq.Batch {self._name!r}>"

    def _repr_html_(self) -> str:
        """Return the batch for a notebook: how it stands, and its first images."""
        try:
            status = self.status()
            first = list(self.images(limit=_SHOWN_IMAGES))
        except SdqError as error:
            return f"<p><b>{html.escape(self._name)}</b>: {html.escape(str(error))}</p>"
        state = status.state.replace("_", " ")
        thumbnails = " ".join(thumbnail_tag(image, _SHOWN_PIXELS) for image in first)
        return (
            f"<p><b>{html.escape(self._name)}</b>: {state}, {html.escape(str(status))} "
            f'<progress value="{status.completed}" max="{status.total}"></progress></p><p>{thumbnails}</p>'
        )

    @property
    def _identity(self) -> tuple[str, int]:
        return self._connections.settings.database_url, self._id

    @property
    def _ledger(self) -> Ledger:
        """The ledger; raise InputMissingError if it is gone: only a submission makes one."""
        ledger = self._connections.existing_ledger()
        if ledger is None:
            raise InputMissingError(f"Batch {self._name!r} was removed with its ledger.")
        return ledger

    def _status(self) -> BatchStatus:
        status = self._ledger.batches.find(self._id)
        if status is None:
            raise InputMissingError(f"Batch {self._name!r} was removed.")
        return status

    def _finished(
        self, where: str | None, sort: str | None, limit: int | None
    ) -> Iterator[FinishedImage]:
        from db.columns import parse_sort
        from db.columns.where import parse_where

        where, sort = text_of("where", where), text_of("sort", sort)
        condition = None if where is None else parse_where(where)
        order = None if sort is None else parse_sort(sort)
        return self._ledger.batches.images(
            self._id, where=condition, sort=order, limit=bounded("limit", limit, 0)
        )


def _columns(asked: Iterable[str] | None) -> Mapping[str, Callable[[FinishedImage], object]]:
    """Return what gives the value of each column, by its name as it was asked for."""
    from db.columns import COLUMNS, parse_columns

    if asked is None:
        return {name: column.of for name, column in COLUMNS.items()}
    chosen: dict[str, Callable[[FinishedImage], object]] = {}
    for text in [asked] if isinstance(asked, str) else asked:
        found = parse_columns(text)
        chosen |= {text if len(found) == 1 else named.name: named.of for named in found}
    return chosen
