"""How fast images were finished lately, and how much that varied."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from sqlalchemy import Connection, select

from db.tables import images, slices
from db.values import ImageStatus

#: At most this many recent images count.
RECENT_IMAGES = 500
#: Older images do not count.
RECENT = timedelta(minutes=15)

#: What is compared for the spread: parts with the same number of images each, of at least two.
_PARTS = 4
_SPREAD_FROM = 2 * _PARTS


@dataclass(frozen=True, kw_only=True)
class Pace:
    """Images per hour.

    images_per_hour: over all recent images.
    slowest, fastest: over the slowest and the fastest quarter of them; None if they are too few.
    """

    images_per_hour: float
    slowest: float | None = None
    fastest: float | None = None

    @classmethod
    def of(cls, finished: Iterable[datetime]) -> Pace | None:
        """Return the pace of images that were finished at these times; None for fewer than two times."""
        times = sorted(finished)
        if len(times) < 2 or (overall := _per_hour(times)) is None:
            return None
        between = len(times) - 1
        cuts = [between * part // _PARTS for part in range(_PARTS + 1)]
        rates = [
            _per_hour(times[first : last + 1])
            for first, last in pairwise(cuts)
            if between >= _SPREAD_FROM
        ]
        known = [rate for rate in rates if rate is not None]
        if len(known) < _PARTS:
            return cls(images_per_hour=overall)
        return cls(images_per_hour=overall, slowest=min(known), fastest=max(known))

    def time_for(self, count: int) -> float:
        """Return how long so many images take, s."""
        return count / self.images_per_hour * 3600

    def range_for(self, count: int) -> tuple[float, float] | None:
        """Return how long so many images take at the fastest and at the slowest, s; None if the spread is unknown."""
        if self.fastest is None or self.slowest is None:
            return None
        return count / self.fastest * 3600, count / self.slowest * 3600


def _per_hour(times: Sequence[datetime]) -> float | None:
    span_s = (times[-1] - times[0]).total_seconds()
    return (len(times) - 1) / span_s * 3600 if span_s > 0 else None


@dataclass(frozen=True, kw_only=True)
class RecentFinishes:
    """When the newest images were finished, and where they are.

    times: when, by batch.
    newest: the last of each batch, when and at which path.
    """

    times: Mapping[int, Sequence[datetime]]
    newest: Mapping[int, tuple[datetime, str]]

    @classmethod
    def read(cls, connection: Connection, now: datetime) -> RecentFinishes:
        """Read them; the time does not grow with the ledger."""
        # Ids rise with the first attempt, so the end of the table is the recent past, and no index on time is needed.
        recent = (
            select(images.c.slice_id, images.c.finished_at, images.c.status, images.c.path)
            .order_by(images.c.id.desc())
            .limit(RECENT_IMAGES)
            .subquery()
        )
        rows = connection.execute(
            select(slices.c.batch_id, recent.c.finished_at, recent.c.path)
            .join_from(recent, slices, slices.c.id == recent.c.slice_id)
            .where(recent.c.status == str(ImageStatus.DONE), recent.c.finished_at >= now - RECENT)
        )
        times: defaultdict[int, list[datetime]] = defaultdict(list)
        newest: dict[int, tuple[datetime, str]] = {}
        for batch_id, finished_at, path in rows:
            times[batch_id].append(finished_at)
            newest[batch_id] = max(newest.get(batch_id, (finished_at, path)), (finished_at, path))
        return cls(times=times, newest=newest)

    def pace(self, batch_id: int) -> Pace | None:
        """Return the pace of a batch."""
        return Pace.of(self.times.get(batch_id, ()))

    def pace_during(self, batch_ids: Iterable[int]) -> Pace | None:
        """Return the pace of all images since the first of these batches; what was idle before does not count."""
        since = min(
            (min(self.times[each]) for each in batch_ids if each in self.times), default=None
        )
        if since is None:
            return None
        return Pace.of(time for times in self.times.values() for time in times if time >= since)

    def last_path(self, batch_id: int | None = None) -> str | None:
        """Return the path of the image that was finished last, of a batch or at all."""
        found = [
            newest for each, newest in self.newest.items() if batch_id is None or each == batch_id
        ]
        return max(found)[1] if found else None
