"""One image, by its place in a batch or by its identity, whatever became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, RowMapping, select

from db.engines import load_engines
from db.recipe_rows import RECIPE_COLUMNS, recipe_of
from db.tables import batches, images, recipes, slices, variants
from db.values import JSON, EngineRecord, ImageRecord, ImageStatus, Mark
from sdq_core.values.recipes import Recipe
from sdq_core.values.seeds import parse_seeds


@dataclass(frozen=True, kw_only=True)
class KnownImage:
    """An image as the ledger knows it.

    batch_name, entry, fields: where it is asked for; None and empty if the batch it was drawn for was removed.
    recipe, seed: its identity.
    status: None if it was not tried yet.
    attempts: how often it was tried.
    error: why it failed the last time, None if it did not.
    image, engine: its file and what drew it, once it is done. A failed one may have an engine.
    finished_at: when it was done or given up, UTC.
    id: its row's, None if it was not tried yet.
    mark: what somebody thinks of it.
    """

    batch_name: str | None
    entry: int | None
    recipe: Recipe
    seed: int
    fields: Mapping[str, JSON] = field(default_factory=dict)
    status: ImageStatus | None = None
    attempts: int = 0
    error: str | None = None
    image: ImageRecord | None = None
    engine: EngineRecord | None = None
    finished_at: datetime | None = None
    id: int | None = None
    mark: Mark | None = None


def image_in_batch(
    connection: Connection, batch_id: int, entry: int, seed: int
) -> KnownImage | None:
    """Return the image of an entry with a seed; None if the batch does not ask for it."""
    of_entry = (
        _slices()
        .where(slices.c.batch_id == batch_id, slices.c.entry == entry)
        .order_by(slices.c.id)
    )
    for slice_ in connection.execute(of_entry):
        if seed in parse_seeds(slice_.seeds):
            row = _tried(connection, slice_.recipe_id, seed)
            return _known(connection, slice_.recipe_id, seed, row, slice_)
    return None


def image_of_recipe(connection: Connection, content_key: str, seed: int) -> KnownImage | None:
    """Return the image of a recipe with a seed if it was ever tried, with the batch that it was drawn for."""
    recipe_id = connection.scalar(select(recipes.c.id).where(recipes.c.content_key == content_key))
    row = None if recipe_id is None else _tried(connection, recipe_id, seed)
    return None if row is None else _drawn_for(connection, row)


def image_at(connection: Connection, path: str) -> KnownImage | None:
    """Return the finished image whose file has this path, with the batch that it was drawn for."""
    query = select(images).where(images.c.path == path, images.c.status == str(ImageStatus.DONE))
    row = connection.execute(query).mappings().first()
    return None if row is None else _drawn_for(connection, row)


def _drawn_for(connection: Connection, row: RowMapping) -> KnownImage:
    slice_ = connection.execute(_slices().where(slices.c.id == row["slice_id"])).first()
    return _known(connection, row["recipe_id"], row["seed"], row, slice_)


def _slices() -> Any:
    return select(slices, batches.c.name.label("batch_name")).join_from(slices, batches)


def _tried(connection: Connection, recipe_id: int, seed: int) -> RowMapping | None:
    query = select(images).where(images.c.recipe_id == recipe_id, images.c.seed == seed)
    return connection.execute(query).mappings().first()


def _known(
    connection: Connection,
    recipe_id: int,
    seed: int,
    row: RowMapping | None,
    slice_: Row[Any] | None,
) -> KnownImage:
    recipe = connection.execute(
        select(*RECIPE_COLUMNS).join_from(recipes, variants).where(recipes.c.id == recipe_id)
    )
    asked: dict[str, Any] = {
        "batch_name": slice_.batch_name if slice_ else None,
        "entry": slice_.entry if slice_ else None,
        "fields": slice_.fields if slice_ else {},
        "recipe": recipe_of(recipe.mappings().one()),
        "seed": seed,
    }
    if row is None:
        return KnownImage(**asked)
    status = ImageStatus(row["status"])
    engine_id = row["engine_id"]
    drawn = {name: row[name] for name in ImageRecord.__dataclass_fields__}
    return KnownImage(
        **asked,
        status=status,
        attempts=row["attempts"],
        error=row["error"],
        image=ImageRecord(**drawn) if status is ImageStatus.DONE else None,
        engine=load_engines(connection, [engine_id]).get(engine_id) if engine_id else None,
        finished_at=row["finished_at"],
        id=row["id"],
        mark=Mark.of(favourite=row["favourite"], rejected=row["rejected"]),
    )
