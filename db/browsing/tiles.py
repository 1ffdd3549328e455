"""Tiles: the images that an entry asks for in the order of its seeds, drawn or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, false, or_, select

from db.tables import images, slices
from db.values import ImageStatus, Mark
from db.walk import parts
from sdq_core.values.seeds import parse_seeds


@dataclass(frozen=True, kw_only=True)
class Tile:
    """An image in its place.

    status: None if it was not tried yet.
    id, pixels_sha256, nsfw_flagged, mark: of one that is done.
    error: of one that failed.
    """

    entry: int
    seed: int
    status: ImageStatus | None = None
    id: int | None = None
    pixels_sha256: str | None = None
    nsfw_flagged: bool | None = None
    mark: Mark | None = None
    error: str | None = None


@dataclass(frozen=True, kw_only=True)
class TilesPage:
    """Some images of an entry. after: what the next page begins behind, (slice id, seeds of it); None at the end."""

    tiles: Sequence[Tile]
    after: tuple[int, int] | None = None


class Place(NamedTuple):
    """A seed in its place. slice: the row that asks for it. position: how many seeds of the slice come before it."""

    slice: Any
    position: int
    seed: int


def tiles_after(
    connection: Connection, batch_id: int, entry: int, after: tuple[int, int], limit: int
) -> TilesPage:
    """Return an entry's next images. after: (0, 0) for the first ones."""
    slice_id, skip = after
    query = (
        select(slices.c.id, slices.c.entry, slices.c.recipe_id, slices.c.seeds)
        .where(slices.c.batch_id == batch_id, slices.c.entry == entry, slices.c.id >= slice_id)
        .order_by(slices.c.id)
        .limit(limit + 2)  # each has a seed, and of the first there may be none left
    )
    places: list[Place] = []
    for slice_ in connection.execute(query):
        places += places_in(slice_, skip if slice_.id == slice_id else 0)
        if len(places) > limit:
            break
    return page_of(places, limit, drawn_tiles(connection, places[:limit]))


def places_in(slice_: Any, skip: int = 0) -> list[Place]:
    """Return the places of a slice's seeds. skip: without so many of the first."""
    seeds = parse_seeds(slice_.seeds)
    return [Place(slice_, number, seed) for number, seed in enumerate(seeds[skip:], skip)]


def page_of(
    places: Sequence[Place], limit: int, tiles: Mapping[tuple[int, int], Tile]
) -> TilesPage:
    """Return the page of the first places. tiles: by recipe id and seed."""
    shown = places[:limit]
    last = shown[-1] if len(places) > limit else None
    return TilesPage(
        tiles=[tiles[place.slice.recipe_id, place.seed] for place in shown],
        after=(last.slice.id, last.position + 1) if last else None,
    )


def drawn_tiles(connection: Connection, places: Sequence[Place]) -> Mapping[tuple[int, int], Tile]:
    """Return what became of the images in some places, by recipe id and seed."""
    wanted = {(place.slice.recipe_id, place.seed): place.slice.entry for place in places}
    seeds: dict[int, list[int]] = {}
    for recipe_id, seed in wanted:
        seeds.setdefault(recipe_id, []).append(seed)
    rows: dict[tuple[int, int], Any] = {}
    # Not as pairs: for `(recipe_id, seed) IN (...)` SQLite reads the whole table.
    for some in parts(sorted(seeds)):
        any_of = (and_(images.c.recipe_id == one, images.c.seed.in_(seeds[one])) for one in some)
        found = connection.execute(
            select(
                images.c.recipe_id,
                images.c.seed,
                images.c.id,
                images.c.status,
                images.c.pixels_sha256,
                images.c.nsfw_flagged,
                images.c.favourite,
                images.c.rejected,
                images.c.error,
            ).where(or_(false(), *any_of))
        )
        rows |= {(row.recipe_id, row.seed): row for row in found}
    return {key: _tile(entry, key[1], rows.get(key)) for key, entry in wanted.items()}


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
        mark=Mark.of(favourite=row.favourite, rejected=row.rejected),
    )
