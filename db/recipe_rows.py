"""Recipes and variants as rows, and back."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, Table, select

from db.tables import recipes, variants
from sdq_core.values.conditions import Conditions
from sdq_core.values.recipes import Recipe
from sdq_core.values.rng import Rng
from sdq_core.values.variants import RecipeVariant, Scheduler, recipe_variant

#: Keys per IN list; SQLite takes at most 32,766 parameters, and longer lists are not faster.
KEYS_AT_ONCE = 1000

#: All columns that `variant_of` reads.
VARIANT_COLUMNS = (
    variants.c.model,
    variants.c.revision,
    variants.c.attention_implementation,
    variants.c.compute_unit,
)

#: All columns that `recipe_of` reads.
RECIPE_COLUMNS = (
    *VARIANT_COLUMNS,
    recipes.c.prompt,
    recipes.c.negative_prompt,
    recipes.c.num_inference_steps,
    recipes.c.guidance_scale,
    recipes.c.scheduler,
    recipes.c.width,
    recipes.c.height,
    recipes.c.rng,
    recipes.c.conditions,
)

#: All columns that `recipe_values` writes.
STORED_COLUMNS = (
    recipes.c.id,
    recipes.c.content_key,
    recipes.c.variant_id,
    recipes.c.prompt,
    recipes.c.negative_prompt,
    recipes.c.num_inference_steps,
    recipes.c.guidance_scale,
    recipes.c.scheduler,
    recipes.c.width,
    recipes.c.height,
    recipes.c.rng,
    recipes.c.conditions,
)


def variant_of(row: RowMapping) -> RecipeVariant:
    """Return the variant of a row with `VARIANT_COLUMNS`."""
    return recipe_variant(**{column.name: row[column] for column in VARIANT_COLUMNS})


def recipe_of(row: RowMapping) -> Recipe:
    """Return the recipe of a row with `RECIPE_COLUMNS`."""
    return Recipe(
        variant=variant_of(row),
        prompt=row["prompt"],
        negative_prompt=row["negative_prompt"],
        num_inference_steps=row["num_inference_steps"],
        guidance_scale=row["guidance_scale"],
        scheduler=Scheduler(row["scheduler"]),
        width=row["width"],
        height=row["height"],
        rng=Rng(row["rng"]),
        conditions=Conditions.from_dict(row["conditions"]),
    )


def all_variants() -> Select[Any]:
    """Select every variant: there are only ever a few."""
    return select(variants)


def add_variants(
    connection: Connection, wanted: Iterable[RecipeVariant]
) -> dict[RecipeVariant, int]:
    """Return the row ids of variants, inserting new ones, even if another process inserts them at the same time."""
    by_key = {variant.key: variant for variant in wanted}
    known = _known_variants(connection, by_key)
    if missing := [variant for key, variant in sorted(by_key.items()) if key not in known]:
        rows = [
            {"key": variant.key, **{c.name: str(getattr(variant, c.name)) for c in VARIANT_COLUMNS}}
            for variant in missing
        ]
        connection.execute(
            insert_into(connection.dialect.name, variants).on_conflict_do_nothing(), rows
        )
        known = _known_variants(connection, by_key)
    return {variant: known[key] for key, variant in by_key.items()}


def _known_variants(connection: Connection, keys: Container[str]) -> dict[str, int]:
    return {row.key: row.id for row in connection.execute(all_variants()) if row.key in keys}


def insert_into(dialect: str, table: Table) -> Any:
    """Return the database's own INSERT, which supports ON CONFLICT.

    Imported here: PostgreSQL's, with its asyncio drivers, took a tenth of the start of every command.
    """
    if dialect == "sqlite":
        from sqlalchemy.dialects.sqlite import insert as insert_sqlite

        return insert_sqlite(table)
    from sqlalchemy.dialects.postgresql import insert as insert_postgresql

    return insert_postgresql(table)


def known_recipes(connection: Connection, keys: Sequence[str]) -> dict[str, int]:
    """Return the row ids of the content keys that are in the ledger."""
    found: dict[str, int] = {}
    for start in range(0, len(keys), KEYS_AT_ONCE):
        chunk = keys[start : start + KEYS_AT_ONCE]
        rows = connection.execute(
            select(recipes.c.content_key, recipes.c.id).where(recipes.c.content_key.in_(chunk))
        )
        found.update((row.content_key, row.id) for row in rows)
    return found


def recipe_values(recipe: Recipe, row_id: int, variant_id: int) -> tuple[Any, ...]:
    """Return the values of `STORED_COLUMNS`."""
    return (
        row_id,
        recipe.content_key,
        variant_id,
        recipe.prompt,
        recipe.negative_prompt,
        recipe.num_inference_steps,
        float(recipe.guidance_scale),
        str(recipe.scheduler),
        recipe.width,
        recipe.height,
        str(recipe.rng),
        recipe.conditions.to_dict(),
    )
