"""A batch's entries with the first images of each: prompts down, seeds across."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from db.browsing.tiles import TilesPage, tiles_after
from db.tables import slices
from db.walk import load_recipes
from sdq_core.values.recipes import Recipe


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
    found: list[Prompt] = []
    entry: int | None = first - 1
    while len(found) < count and (entry := entry_after(connection, batch_id, entry or 0)):
        page = tiles_after(connection, batch_id, entry, (0, 0), each)
        found.append(
            Prompt(entry=entry, recipe=recipe_of_entry(connection, batch_id, entry), images=page)
        )
    return found


def recipe_of_entry(connection: Connection, batch_id: int, entry: int) -> Recipe:
    """Return what an entry asks for; all its slices have the same."""
    recipe_id = connection.execute(
        select(slices.c.recipe_id)
        .where(slices.c.batch_id == batch_id, slices.c.entry == entry)
        .order_by(slices.c.id)
        .limit(1)
    ).scalar_one()
    return load_recipes(connection, [recipe_id])[recipe_id]


def entry_after(connection: Connection, batch_id: int, entry: int) -> int | None:
    """Return the next entry of a batch, None after the last."""
    following = select(func.min(slices.c.entry)).where(
        slices.c.batch_id == batch_id, slices.c.entry > entry
    )
    found: int | None = connection.scalar(following)
    return found


def entry_before(connection: Connection, batch_id: int, entry: int, steps: int = 1) -> int | None:
    """Return the entry so many before one, or the first; None if there is none."""
    found: int | None = None
    for _ in range(steps):
        former = select(func.max(slices.c.entry)).where(
            slices.c.batch_id == batch_id, slices.c.entry < (entry if found is None else found)
        )
        before: int | None = connection.scalar(former)
        if before is None:
            break
        found = before
    return found
