"""Walks through batches and collects their summary, a page of slices at a time.

Time grows with the images that were settled, memory does not: a page is counted by the database, and of single images
only the few that are shown are kept.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, RowMapping

from db.connection import Database
from db.engines import load_engines
from db.smoke_checks import failed_checks
from db.summaries import page
from db.summaries.causes import Causes
from db.summaries.details import Place, load_cut, load_failed, load_images
from db.summaries.sample import EvenSample
from db.summaries.timeline import Timeline
from db.summaries.values import BatchPart, DrawnBy, Summary, Times
from db.tables import images
from db.values import BatchStatus, CheckedVariant, EngineRecord, ImageStatus
from db.walk import images_of, parts, walk_slices

#: The most images of a sample, and of each list of single images.
MOST_SAMPLED = 48
MOST_SHOWN = 10
MOST_CAUSES = 12

#: Some thousands of images. The first page may give a row for each of them: steps of time begin with a second.
_SLICES_AT_ONCE = 200

_FAILED_COLUMNS = (
    images.c.recipe_id,
    images.c.seed,
    images.c.status,
    images.c.slice_id,
    images.c.finished_at,
    images.c.attempts,
    images.c.error,
)
_DONE_COLUMNS = (
    images.c.id,
    images.c.recipe_id,
    images.c.seed,
    images.c.status,
    images.c.finished_at,
)


class Collector:
    """Collects a summary of the images settled since a time, None for all."""

    def __init__(self, database: Database, *, since: datetime | None, steps_from: datetime) -> None:
        self._database = database
        self._since = since
        self._timeline = Timeline(steps_from)
        self._times: defaultdict[int, Times] = defaultdict(Times)  # by engine
        self._causes = Causes()
        self._failed: list[tuple[Place, RowMapping]] = []
        self._slowest: list[tuple[int, int, Place]] = []  # µs, image, and where it stands
        self._flagged: dict[int, Place] = {}
        self._cut: list[tuple[str, int, int, int]] = []
        self._cut_count = 0
        self._sample: EvenSample[tuple[str, Row[Any]]] = EvenSample(MOST_SAMPLED)

    def collect(self, status: BatchStatus) -> BatchPart:
        """Walk through one batch; return how many of its images were settled."""
        found: Counter[str] = Counter()
        last_cut = 0

        def look(connection: Connection, slice_rows: Sequence[Row[Any]]) -> Iterable[None]:
            nonlocal last_cut
            if slice_rows:
                self._count(connection, status.name, slice_rows, found)
                last_cut = self._find_cut(connection, status.name, slice_rows, last_cut)
            return ()

        condition = page.with_images(self._since)
        for _ in walk_slices(
            self._database, status.id, look, only=condition, at_once=_SLICES_AT_ONCE
        ):
            pass
        return BatchPart(
            status=status, done=found[str(ImageStatus.DONE)], failed=found[str(ImageStatus.FAILED)]
        )

    def summary(
        self, *, batch: BatchStatus | None, parts: Sequence[BatchPart], made_at: datetime
    ) -> Summary:
        """Return what was collected."""
        with self._database.reading() as connection:
            sampled = self._sampled(connection)
            slow = {image_id: place for _, image_id, place in self._slowest}
            shown = load_images(connection, {**slow, **self._flagged, **sampled})
            failed = load_failed(connection, self._failed)
            cut = load_cut(connection, self._cut)
            drawn_by = self._drawn_by(connection)
            changed = self._changed(connection)
        causes, other_causes = self._causes.most_frequent(MOST_CAUSES)
        return Summary(
            batch=batch,
            since=self._since,
            made_at=made_at,
            parts=parts,
            steps_from=self._timeline.origin,
            step_s=self._timeline.step_s,
            slots=self._timeline.slots(),
            times=sum(self._times.values(), Times()),
            drawn_by=drawn_by,
            changed=changed,
            causes=causes,
            other_causes=other_causes,
            failed_images=failed,
            slowest=[shown[image_id] for image_id in slow if image_id in shown],
            flagged=[shown[image_id] for image_id in self._flagged if image_id in shown],
            cut_prompts=cut,
            cut_count=self._cut_count,
            sample=[shown[image_id] for image_id in sampled if image_id in shown],
        )

    def _count(
        self,
        connection: Connection,
        batch_name: str,
        slice_rows: Sequence[Row[Any]],
        found: Counter[str],
    ) -> None:
        places = {
            slice_.id: Place(batch_name=batch_name, entry=slice_.entry, fields=slice_.fields)
            for slice_ in slice_rows
        }
        settled = page.settled_for(list(places), self._since)
        step_s = self._timeline.step_s
        slowest_us, flagged = 0, 0
        for row in page.grouped(connection, settled, self._timeline.origin, step_s):
            done = row.status == ImageStatus.DONE
            self._timeline.add(
                row.slot,
                step_s,
                done=row.images if done else 0,
                failed=0 if done else row.images,
                first=row.first,
                last=row.last,
            )
            found[row.status] += row.images
            if done:
                self._times[row.engine_id] += page.times_of(row)
                slowest_us = max(slowest_us, int(row.slowest_us or 0))
                flagged += int(row.flagged)
        least_us = self._slowest[-1][0] if len(self._slowest) >= MOST_SHOWN else -1
        if slowest_us > least_us:
            slow = page.slower_than(connection, settled, least_us, MOST_SHOWN)
            self._slowest += [(int(row.us), row.id, places[row.slice_id]) for row in slow]
            self._slowest = sorted(self._slowest, key=lambda one: -one[0])[:MOST_SHOWN]
        if flagged and len(self._flagged) < MOST_SHOWN:
            room = MOST_SHOWN - len(self._flagged)
            for image in page.flagged_ones(connection, settled, room):
                self._flagged[image.id] = places[image.slice_id]
        for slice_ in slice_rows:
            self._sample.pass_by((batch_name, slice_), slice_.done)
        self._find_failed(connection, [row for row in slice_rows if row.failed], places)

    def _find_failed(
        self, connection: Connection, slice_rows: Sequence[Row[Any]], places: Mapping[int, Place]
    ) -> None:
        """Count the causes of the failed images that the slices ask for, also of those tried for another batch."""
        if not slice_rows:
            return
        of_recipe = {slice_.recipe_id: places[slice_.id] for slice_ in slice_rows}
        failed = [
            (of_recipe[row["recipe_id"]], row)
            for row in images_of(connection, slice_rows, _FAILED_COLUMNS)
            if row["status"] == ImageStatus.FAILED and self._counts(row, places)
        ]
        for place, row in failed:
            self._causes.add(place.batch_name, row["error"] or "No reason was recorded.")
        if room := MOST_SHOWN - len(self._failed):
            failed.sort(key=lambda one: (one[0].entry, one[1]["seed"]))
            self._failed += failed[:room]

    def _counts(self, row: RowMapping, places: Mapping[int, Place]) -> bool:
        """Whether a failed image counts: since a time, those count that were given up for one of these slices then."""
        if self._since is None:
            return True
        return row["slice_id"] in places and row["finished_at"] >= self._since

    def _find_cut(
        self, connection: Connection, batch_name: str, slice_rows: Sequence[Row[Any]], last: int
    ) -> int:
        """Find the entries whose prompts were cut; last: the last one that was found, which is returned."""
        for row in page.cut_entries(connection, [slice_.id for slice_ in slice_rows]):
            if row.entry != last:
                last = row.entry
                self._cut_count += 1
                if len(self._cut) < MOST_SHOWN:
                    self._cut.append((batch_name, row.entry, row.recipe_id, row.tokens))
        return last

    def _sampled(self, connection: Connection) -> dict[int, Place]:
        """Return the chosen images, by id, in their order. A slice's image may have been drawn for another batch."""
        found: dict[int, Place] = {}
        for (batch_name, slice_), offset in self._sample.chosen():
            done = sorted(
                (row["seed"], row["id"])
                for row in images_of(connection, [slice_], _DONE_COLUMNS)
                if row["status"] == ImageStatus.DONE
                and (self._since is None or row["finished_at"] >= self._since)
            )
            if done:
                _, image_id = done[min(offset, len(done) - 1)]
                found[image_id] = Place(
                    batch_name=batch_name, entry=slice_.entry, fields=slice_.fields
                )
        return found

    def _changed(self, connection: Connection) -> Sequence[CheckedVariant]:
        ids = sorted(self._times)
        return [each for some in parts(ids) for each in failed_checks(connection, some)]

    def _drawn_by(self, connection: Connection) -> Sequence[DrawnBy]:
        records: dict[int, EngineRecord] = {}
        for some in parts(sorted(self._times)):
            records.update(load_engines(connection, some))
        alike: defaultdict[tuple[Any, ...], list[int]] = defaultdict(list)
        for engine_id, record in records.items():
            alike[record.variant, record.host, record.chip, record.runtime].append(engine_id)
        loads = {
            key: {records[each].start: records[each].load_ms for each in ids}
            for key, ids in alike.items()
        }
        found = [
            DrawnBy(
                variant=variant,
                host=host,
                chip=chip,
                runtime=runtime,
                engines=len(loads[variant, host, chip, runtime]),
                load_ms=sum(loads[variant, host, chip, runtime].values()),
                times=sum((self._times[engine_id] for engine_id in ids), Times()),
            )
            for (variant, host, chip, runtime), ids in alike.items()
        ]
        return sorted(found, key=lambda one: -one.times.images)
