"""The marked images of a batch, the newest first.

Marks are few, and each has an index of the images with it: however large the batch is, only those are looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from db.browsing.newest import NewestPage
from db.finished import finished_by_id
from db.tables import images, slices
from db.values import ImageStatus, Mark
from sdq_core.values.seeds import parse_seeds

_DONE = str(ImageStatus.DONE)
_AT_ONCE = 500


def marked(
    connection: Connection, batch_id: int, mark: Mark, before: int | None, limit: int
) -> NewestPage:
    """Return the newest images with a mark that a batch asks for, below an id."""
    with_mark = (
        select(images.c.id, images.c.recipe_id, images.c.seed, images.c.slice_id, slices.c.batch_id)
        .join_from(images, slices, slices.c.id == images.c.slice_id, isouter=True)
        .where(images.c[mark], images.c.status == _DONE)
        .order_by(images.c.id.desc())
        .limit(_AT_ONCE)
    )
    ids: list[tuple[int, int]] = []
    more = True
    while more and len(ids) < limit:
        page = with_mark if before is None else with_mark.where(images.c.id < before)
        rows = connection.execute(page).all()
        asked = _asked(connection, batch_id, [row for row in rows if row.batch_id != batch_id])
        more = len(rows) == _AT_ONCE
        for row in rows:
            if len(ids) == limit:
                more = True
                break
            before = row.id
            own = row.slice_id if row.batch_id == batch_id else asked.get((row.recipe_id, row.seed))
            if own is not None:
                ids.append((own, row.id))
    found = list(finished_by_id(connection, ids, {}))
    return NewestPage(images=found, before=before if more else None)


def _asked(
    connection: Connection, batch_id: int, rows: Collection[Any]
) -> Mapping[tuple[int, int], int]:
    """Return which of some images that were drawn for other batches this one asks for, with the slice that does."""
    seeds: dict[int, set[int]] = {}
    for row in rows:
        seeds.setdefault(row.recipe_id, set()).add(row.seed)
    found: dict[tuple[int, int], int] = {}
    query = select(slices.c.id, slices.c.recipe_id, slices.c.seeds).where(
        slices.c.batch_id == batch_id, slices.c.recipe_id.in_(seeds)
    )
    slice_rows: Sequence[Any] = connection.execute(query).all() if seeds else ()
    for slice_ in slice_rows:
        for seed in seeds[slice_.recipe_id].intersection(parse_seeds(slice_.seeds)):
            found[slice_.recipe_id, seed] = slice_.id
    return found
