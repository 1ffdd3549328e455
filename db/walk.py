"""Walks through a batch's slices and the rows of their images in the order of planning.

Invariant: a page costs the same wherever it is in the batch and however many images its entries have, so a walk takes
time in proportion to the batch, and memory for one page. `db.drawn` makes finished images of the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Column, ColumnElement, Connection, Row, RowMapping, Select, select, true

from db.connection import Database
from db.recipe_rows import KEYS_AT_ONCE, RECIPE_COLUMNS, recipe_of
from db.tables import images, recipes, slices, variants
from sdq_core.values.recipes import Recipe
from sdq_core.values.seeds import parse_seeds

Found = TypeVar("Found")
Key = TypeVar("Key")

#: Slices read at once: some thousands of images, so that memory stays small however large the batch is.
_SLICES_AT_ONCE = 100
#: What a slice has if nothing else was asked for. Where they are smaller, a page has more of them, as far as this: a
#: page of a hundred prompts with one seed each would mostly be overhead.
_USUAL_SLICE, _MOST_PAGES_IN_ONE = 25, 10


def walk_slices(
    database: Database,
    batch_id: int,
    look: Callable[[Connection, Sequence[Row[Any]]], Iterable[Found]],
    *,
    only: ColumnElement[bool] | None = None,
    at_once: int | None = None,
) -> Iterator[Found]:
    """Yield what `look` returns for each page of a batch's slices, by entry and slice.

    No transaction stays open between pages, so a slow reader blocks nobody. Images drawn in the meantime may appear.

    only: a condition on the slices.
    at_once: how many slices a page has.
    """
    limit = at_once or _SLICES_AT_ONCE
    entry, slice_id = 0, 0
    while True:
        with database.reading() as connection:
            page = slices_after(connection, batch_id, entry, slice_id, limit, only=only)
            found = list(look(connection, page))
        yield from found
        if len(page) < limit:
            return
        entry, slice_id = page[-1].entry, page[-1].id
        if at_once is None:
            in_one = _USUAL_SLICE * len(page) // max(1, sum(slice_.size for slice_ in page))
            limit = _SLICES_AT_ONCE * min(max(in_one, 1), _MOST_PAGES_IN_ONE)


def slices_after(
    connection: Connection,
    batch_id: int,
    entry: int,
    slice_id: int,
    limit: int,
    *,
    only: ColumnElement[bool] | None = None,
) -> Sequence[Row[Any]]:
    """Return a batch's next slices by entry and id, after those given; at most `limit`."""
    query = (
        select(slices)
        .where(slices.c.batch_id == batch_id, true() if only is None else only)
        .order_by(slices.c.entry, slices.c.id)
    )
    # Two questions, each a range of the index. Of `(entry, id) > (x, y)` SQLite uses only the entry, and reads again
    # all slices of an entry that were read before.
    rest = query.where(slices.c.entry == entry, slices.c.id > slice_id).limit(limit)
    found = list(connection.execute(rest)) if slice_id else []
    if len(found) < limit:
        found += connection.execute(query.where(slices.c.entry > entry).limit(limit - len(found)))
    return found


def images_of(
    connection: Connection, slice_rows: Sequence[Row[Any]], columns: Iterable[Column[Any]]
) -> Iterator[RowMapping]:
    """Yield the rows of the images that a page's slices ask for, with `columns`, which include recipe id and seed."""
    yield from images_with(connection, tried_seeds(connection, slice_rows), columns)


def tried_seeds(connection: Connection, slice_rows: Sequence[Row[Any]]) -> dict[int, set[int]]:
    """Return the seeds that a page's slices ask for by recipe id, empty for recipes without any image.

    Most slices of a new batch have no image, which costs one look at their recipes.
    """
    seeds: dict[int, set[int]] = {slice_.recipe_id: set() for slice_ in slice_rows}
    tried: set[int] = set()
    for some in parts(sorted(seeds)):
        any_image = select(images.c.id).where(images.c.recipe_id == recipes.c.id).exists()
        tried.update(
            connection.scalars(select(recipes.c.id).where(recipes.c.id.in_(some), any_image))
        )
    for slice_ in slice_rows if tried else ():
        if slice_.recipe_id in tried:
            seeds[slice_.recipe_id].update(parse_seeds(slice_.seeds))
    return seeds


def images_with(
    connection: Connection, seeds: Mapping[int, Collection[int]], columns: Iterable[Column[Any]]
) -> Iterator[RowMapping]:
    """Yield the rows of the images with these seeds of these recipes, with `columns`, as `rows_with` does."""
    others = (column for column in columns if column.name not in {"recipe_id", "seed"})
    query = select(images.c.recipe_id, images.c.seed, *others)
    for row in rows_with(connection, seeds, query):
        yield row._mapping


def rows_with(
    connection: Connection,
    seeds: Mapping[int, Collection[int]],
    query: Select[*tuple[Any, ...]],
) -> Iterator[Row[*tuple[Any, ...]]]:
    """Yield the rows of the images with these seeds of these recipes, by recipe id, of a page.

    query: of images; its first columns are recipe id and seed.

    The page has all seeds of its recipes that are needed, except perhaps of the first and the last. Those may have a
    million more, and asked for by recipe alone, each page would read them all.
    """
    wanted = {recipe_id: seeds[recipe_id] for recipe_id in seeds if seeds[recipe_id]}
    ends = {*list(seeds)[:1], *list(seeds)[-1:]}
    for recipe_id in ends & wanted.keys():
        for some in parts(sorted(wanted.pop(recipe_id))):
            of_seeds = query.where(images.c.recipe_id == recipe_id, images.c.seed.in_(some))
            yield from connection.execute(of_seeds).all()
    for some in parts(sorted(wanted)):
        # Many at once: one by one takes twice the time.
        found = connection.execute(query.where(images.c.recipe_id.in_(some)))
        for rows in found.partitions(KEYS_AT_ONCE):
            yield from (row for row in rows if row[1] in wanted[row[0]])


def parts(keys: Sequence[Key]) -> Iterator[Sequence[Key]]:
    """Cut ids or other keys into parts of as many as one statement takes."""
    for start in range(0, len(keys), KEYS_AT_ONCE):
        yield keys[start : start + KEYS_AT_ONCE]


def load_recipes(connection: Connection, recipe_ids: Iterable[int]) -> Mapping[int, Recipe]:
    """Return recipes by their ids."""
    return {
        row["id"]: recipe_of(row)
        for row in connection.execute(
            select(recipes.c.id, *RECIPE_COLUMNS)
            .join_from(recipes, variants)
            .where(recipes.c.id.in_(recipe_ids))
        ).mappings()
    }
