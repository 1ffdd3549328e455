"""Tiles: the images that an entry asks for in the order of its seeds, drawn or not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import Connection, select

from db.tables import images, slices
from db.values import ImageStatus
from db.walk import parts
from sdq_core.values.seeds import parse_seeds


@dataclass(frozen=True, kw_only=True)
class Tile:
    """An image in its place.

    status: None if it was not tried yet.
    id, pixels_sha256, nsfw_flagged: of one that is done.
    error: of one that failed.
    """

    entry: int
    seed: int
    status: ImageStatus | None = None
    id: int | None = None
    pixels_sha256: str | None = None
    nsfw_flagged: bool | None = None
    error: str | None = None


@dataclass(frozen=True, kw_only=True)
class TilesPage:
    """Some images of an entry. after: what the next page begins behind, (slice id, seeds of it); None at the end."""

    tiles: Sequence[Tile]
    after: tuple[int, int] | None = None


#: A seed in its place: the slice that asks for it, how many seeds of that slice come before it, and the seed.
_Place = tuple[Any, int, int]


def tiles_after(
    connection: Connection, batch_id: int, entry: int, after: tuple[int, int], limit: int
) -> TilesPage:
    """Return an entry's next images. after: (0, 0) for the first ones."""
    places = list(islice(_places(connection, batch_id, entry, after, limit), limit + 1))
    shown = places[:limit]
    last = shown[-1] if len(places) > limit else None
    return TilesPage(
        tiles=_drawn(connection, entry, shown), after=(last[0].id, last[1] + 1) if last else None
    )


def _places(
    connection: Connection, batch_id: int, entry: int, after: tuple[int, int], limit: int
) -> Iterator[_Place]:
    slice_id, skip = after
    query = (
        select(slices.c.id, slices.c.recipe_id, slices.c.seeds)
        .where(slices.c.batch_id == batch_id, slices.c.entry == entry, slices.c.id >= slice_id)
        .order_by(slices.c.id)
        .limit(limit + 2)  # each has a seed, and of the first there may be none left
    )
    for slice_ in connection.execute(query):
        seeds = parse_seeds(slice_.seeds)
        first = skip if slice_.id == slice_id else 0
        for position, seed in enumerate(seeds[first:], first):
            yield slice_, position, seed


def _drawn(connection: Connection, entry: int, places: Sequence[_Place]) -> list[Tile]:
    wanted: dict[int, list[int]] = {}
    for slice_, _, seed in places:
        wanted.setdefault(slice_.recipe_id, []).append(seed)
    rows: dict[tuple[int, int], Any] = {}
    for recipe_id, seeds in wanted.items():
        for some in parts(seeds):
            found = connection.execute(
                select(
                    images.c.seed,
                    images.c.id,
                    images.c.status,
                    images.c.pixels_sha256,
                    images.c.nsfw_flagged,
                    images.c.error,
                ).where(images.c.recipe_id == recipe_id, images.c.seed.in_(some))
            )
            rows |= {(recipe_id, row.seed): row for row in found}
    return [_tile(entry, seed, rows.get((slice_.recipe_id, seed))) for slice_, _, seed in places]


def _tile(entry: int, seed: int, row: Any) -> Tile:
    if row is None:
        return Tile(entry=entry, seed=seed)
    status = ImageStatus(row.status)
    if status is not ImageStatus.DONE:
        return Tile(entry=entry, seed=seed, status=status, error=row.error)
    return Tile(
        entry=entry,
        seed=seed,
        status=status,
        id=row.id,
        pixels_sha256=row.pixels_sha256,
        nsfw_flagged=row.nsfw_flagged,
    )
