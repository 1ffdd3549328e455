"""Nights of drawing, at times of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from db.ledger import Ledger
from db.tables import images, slices
from sdq_core.images.path import image_path
from tests.ledger.plans import ENGINE, record

EVENING = datetime(2026, 3, 1, 21, tzinfo=UTC)


def draw(
    ledger: Ledger,
    batch: str,
    endings: str,
    *,
    begin: datetime = EVENING,
    every_s: float = 20,
    store: Callable[[str], None] = lambda _path: None,
) -> list[datetime]:
    """Settle a batch's next images, one for each letter: D(one), s(low), n(sfw), c(ut), r(etried) or F(ailed).

    store: puts the file of a finished image in place.
    """
    engine_id = ledger.work.register_engine(ENGINE)
    left = iter(endings)
    times: list[datetime] = []
    for ref in ledger.work.open_slices():
        slice_ = ledger.work.load_slice(ref.id)
        assert slice_ is not None
        if slice_.batch_name != batch:
            continue
        for seed in slice_.seeds:
            ending = next(left, None)
            if ending is None:
                return times
            key = {"engine_id": engine_id, "slice_id": slice_.id}
            noted = ledger.work.note_attempts(slice_.recipe_id, [seed], **key)
            if not noted:  # drawn for another batch
                continue
            if ending == "r":
                ledger.work.note_attempts(slice_.recipe_id, [seed], **key)
            if ending == "F":
                error = (
                    f"EngineDiedError: The engine (process {1000 + len(times)}) ended by SIGABRT."
                )
                ledger.work.record_failure(slice_.recipe_id, seed, error=error, final=True, **key)
            else:
                done = replace(
                    record(slice_, seed, engine_id),
                    path=image_path(slice_.batch_name, slice_.entry, seed),
                    denoise_ms=900.0 if ending == "s" else 100.0,
                    nsfw_flagged=ending == "n",
                    truncated_tokens=5 if ending == "c" else 0,
                )
                store(done.path)
                ledger.work.record_and_go_on(done)
            times.append(begin + timedelta(seconds=every_s * len(times)))
            with ledger._database.writing() as connection:
                connection.execute(
                    update(images)
                    .where(images.c.recipe_id == slice_.recipe_id, images.c.seed == seed)
                    .values(finished_at=times[-1])
                )
        if ledger.work.finish_slice(slice_.id):
            with ledger._database.writing() as connection:
                connection.execute(
                    update(slices).where(slices.c.id == slice_.id).values(finished_at=times[-1])
                )
    return times
