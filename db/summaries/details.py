"""Loads what is shown of single images: their prompts, engines and files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping, select

from db.engines import load_engines
from db.summaries.values import CutPrompt
from db.tables import images
from db.values import JSON, FailedImage, FinishedImage, ImageRecord
from db.walk import load_recipes

_IMAGE_FIELDS = tuple(ImageRecord.__dataclass_fields__)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where an image or a prompt stands: the batch that it is shown for, and its entry there."""

    batch_name: str
    entry: int
    fields: Mapping[str, JSON]


def load_images(connection: Connection, places: Mapping[int, Place]) -> Mapping[int, FinishedImage]:
    """Return finished images by their ids. Those that were removed in the meantime are left out."""
    rows = connection.execute(select(images).where(images.c.id.in_(places))).mappings().all()
    recipes = load_recipes(connection, {row["recipe_id"] for row in rows})
    engines = load_engines(connection, {row["engine_id"] for row in rows})
    return {
        row["id"]: FinishedImage(
            id=row["id"],
            batch_name=places[row["id"]].batch_name,
            entry=places[row["id"]].entry,
            fields=places[row["id"]].fields,
            recipe=recipes[row["recipe_id"]],
            seed=row["seed"],
            image=ImageRecord(**{name: row[name] for name in _IMAGE_FIELDS}),
            engine=engines[row["engine_id"]],
            attempts=row["attempts"],
            finished_at=row["finished_at"],
            favourite=row["favourite"],
            rejected=row["rejected"],
        )
        for row in rows
        if row["engine_id"] in engines and row["path"] is not None
    }


def load_failed(
    connection: Connection, failed: Iterable[tuple[Place, RowMapping]]
) -> list[FailedImage]:
    """Return failed images, given where they stand and their rows."""
    found = list(failed)
    recipes = load_recipes(connection, {row["recipe_id"] for _, row in found})
    return [
        FailedImage(
            batch_name=place.batch_name,
            entry=place.entry,
            fields=place.fields,
            recipe=recipes[row["recipe_id"]],
            seed=row["seed"],
            attempts=row["attempts"],
            error=row["error"] or "",
        )
        for place, row in found
        if row["recipe_id"] in recipes
    ]


def load_cut(connection: Connection, cut: Iterable[tuple[str, int, int, int]]) -> list[CutPrompt]:
    """Return cut prompts, given batch name, entry, recipe id and tokens of each."""
    found = list(cut)
    recipes = load_recipes(connection, {recipe_id for _, _, recipe_id, _ in found})
    return [
        CutPrompt(batch_name=name, entry=entry, prompt=recipes[recipe_id].prompt, tokens=tokens)
        for name, entry, recipe_id, tokens in found
        if recipe_id in recipes
    ]
