"""Images with the same prompts and seeds that were asked for in another way: what people compare.

No index leads from a prompt to its recipes. So only a part of the ledger is looked through, of a size that does not
grow with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from db.browsing.prompts import Prompt
from db.browsing.tiles import Place, Tile, drawn_tiles, places_in
from db.tables import batches, images, recipes, slices
from db.values import ImageStatus
from db.walk import load_recipes
from sdq_core.values.recipes import Recipe

#: In another batch, a prompt is looked for so many entries before its own number, and after it.
_ENTRIES = 20_000
#: Slices of an entry that are looked at for the same seeds.
_SLICES = 50
#: Among all batches, only the newest recipes are looked at.
_RECIPES = 50_000


@dataclass(frozen=True, kw_only=True)
class Partner:
    """What another batch asks for with the prompts of an entry. tiles: of the seeds of both, drawn or not."""

    entry: int
    recipe: Recipe
    tiles: Mapping[int, Tile]


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A finished image, where it was drawn for."""

    batch_id: int
    batch_name: str
    recipe: Recipe
    tile: Tile


def partners(
    connection: Connection, batch_id: int, prompts: Sequence[Prompt]
) -> Mapping[int, Partner]:
    """Return what a batch has beside some entries of another one, by their numbers there.

    Of several entries with the same prompts, it is the one whose settings are the most alike.
    """
    if not prompts:
        return {}
    numbers = [one.entry for one in prompts]
    query = (
        select(slices.c.entry, slices.c.recipe_id)
        .join_from(slices, recipes, recipes.c.id == slices.c.recipe_id)
        .where(
            slices.c.batch_id == batch_id,
            slices.c.entry.between(min(numbers) - _ENTRIES, max(numbers) + _ENTRIES),
            recipes.c.prompt.in_({one.recipe.prompt for one in prompts}),
        )
        .distinct()
        .order_by(slices.c.entry)
    )
    entries = [(row.entry, row.recipe_id) for row in connection.execute(query)]
    known = load_recipes(connection, {recipe_id for _, recipe_id in entries})
    beside: dict[int, int] = {}
    for one in prompts:
        alike = [
            (_differences(one.recipe, known[recipe_id]), entry)
            for entry, recipe_id in entries
            if _prompts(known[recipe_id]) == _prompts(one.recipe)
        ]
        if alike:
            beside[one.entry] = min(alike)[1]
    places = {
        one.entry: _places(
            connection, batch_id, beside[one.entry], {tile.seed for tile in one.images.tiles}
        )
        for one in prompts
        if one.entry in beside
    }
    tiles = drawn_tiles(connection, [place for some in places.values() for place in some])
    recipe_of = dict(entries)
    return {
        number: Partner(
            entry=beside[number],
            recipe=known[recipe_of[beside[number]]],
            tiles={place.seed: tiles[place.slice.recipe_id, place.seed] for place in some},
        )
        for number, some in places.items()
    }


def same_seed(connection: Connection, recipe: Recipe, seed: int, limit: int) -> Sequence[Placed]:
    """Return finished images with the prompts of a recipe and a seed, the newest first; with the recipe's own."""
    newest = (
        select(recipes.c.id, recipes.c.prompt, recipes.c.negative_prompt)
        .order_by(recipes.c.id.desc())
        .limit(_RECIPES)
        .subquery()
    )
    alike = connection.scalars(
        select(newest.c.id)
        .where(newest.c.prompt == recipe.prompt, newest.c.negative_prompt == recipe.negative_prompt)
        .order_by(newest.c.id.desc())
        .limit(limit)
    ).all()
    rows = connection.execute(
        select(
            images.c.id,
            images.c.recipe_id,
            images.c.pixels_sha256,
            images.c.nsfw_flagged,
            slices.c.entry,
            slices.c.batch_id,
            batches.c.name,
        )
        .join_from(images, slices, slices.c.id == images.c.slice_id)
        .join(batches, batches.c.id == slices.c.batch_id)
        .where(
            images.c.recipe_id.in_(alike),
            images.c.seed == seed,
            images.c.status == str(ImageStatus.DONE),
        )
        .order_by(images.c.id.desc())
    ).all()
    known = load_recipes(connection, {row.recipe_id for row in rows})
    return [
        Placed(
            batch_id=row.batch_id,
            batch_name=row.name,
            recipe=known[row.recipe_id],
            tile=Tile(
                entry=row.entry,
                seed=seed,
                status=ImageStatus.DONE,
                id=row.id,
                pixels_sha256=row.pixels_sha256,
                nsfw_flagged=row.nsfw_flagged,
            ),
        )
        for row in rows
    ]


def _places(connection: Connection, batch_id: int, entry: int, seeds: set[int]) -> Sequence[Place]:
    query = (
        select(slices.c.id, slices.c.entry, slices.c.recipe_id, slices.c.seeds)
        .where(slices.c.batch_id == batch_id, slices.c.entry == entry)
        .order_by(slices.c.id)
        .limit(_SLICES)
    )
    return [
        place
        for slice_ in connection.execute(query)
        for place in places_in(slice_)
        if place.seed in seeds
    ]


def _prompts(recipe: Recipe) -> tuple[str, str]:
    return recipe.prompt, recipe.negative_prompt


def _differences(one: Recipe, other: Recipe) -> int:
    mine, theirs = one.to_dict(), other.to_dict()
    return sum(mine.get(name) != theirs.get(name) for name in mine | theirs)
