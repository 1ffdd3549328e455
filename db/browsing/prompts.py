"""A batch's entries with the first images of each: prompts down, seeds across."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from db.browsing.tiles import Place, TilesPage, drawn_tiles, page_of, places_in
from db.tables import slices
from db.walk import load_recipes, slices_after
from sdq_core.values.recipes import Recipe

#: Slices read at once.
_AT_ONCE = 100


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """An entry and its first images."""

    entry: int
    recipe: Recipe
    images: TilesPage


def prompts_from(
    connection: Connection, batch_id: int, first: int, count: int, each: int
) -> Sequence[Prompt]:
    """Return entries from a number on, with at most `each` images."""
    found = _first_places(connection, batch_id, first, count, each)
    tiles = drawn_tiles(connection, [place for places in found.values() for place in places[:each]])
    recipes = load_recipes(connection, {places[0].slice.recipe_id for places in found.values()})
    return [
        Prompt(
            entry=entry,
            recipe=recipes[places[0].slice.recipe_id],
            images=page_of(places, each, tiles),
        )
        for entry, places in found.items()
    ]


def _first_places(
    connection: Connection, batch_id: int, first: int, count: int, each: int
) -> dict[int, list[Place]]:
    """Return one more place than is shown of each entry, so that it is known whether there are further ones."""
    found: dict[int, list[Place]] = {}
    entry, slice_id = first - 1, 0
    while True:
        page: Sequence[Any] = slices_after(connection, batch_id, entry, slice_id, _AT_ONCE)
        for slice_ in page:
            if slice_.entry not in found and len(found) == count:
                return found
            places = found.setdefault(slice_.entry, [])
            places += places_in(slice_)[: each + 1 - len(places)]
        if len(page) < _AT_ONCE:
            return found
        entry = page[-1].entry
        # Further slices of an entry that has enough are not read.
        slice_id = 0 if len(found[entry]) > each else page[-1].id
        if len(found) == count and not slice_id:
            return found


def recipe_of_entry(connection: Connection, batch_id: int, entry: int) -> Recipe | None:
    """Return what an entry asks for, which all its slices have in common; None if there is no such entry."""
    recipe_id = connection.scalar(
        select(slices.c.recipe_id)
        .where(slices.c.batch_id == batch_id, slices.c.entry == entry)
        .order_by(slices.c.id)
        .limit(1)
    )
    return None if recipe_id is None else load_recipes(connection, [recipe_id])[recipe_id]


def entry_before(connection: Connection, batch_id: int, entry: int, steps: int = 1) -> int | None:
    """Return the entry so many before one, or the first; None if there is none."""
    former = (
        select(slices.c.entry)
        .where(slices.c.batch_id == batch_id, slices.c.entry < entry)
        .distinct()
        .order_by(slices.c.entry.desc())
        .limit(steps)
    )
    return min(connection.scalars(former), default=None)


def entry_after(connection: Connection, batch_id: int, entry: int) -> int | None:
    """Return the next entry of a batch, None after the last."""
    following = select(slices.c.entry).where(slices.c.batch_id == batch_id, slices.c.entry > entry)
    found: int | None = connection.scalar(following.order_by(slices.c.entry).limit(1))
    return found
