"""Estimates of time and space per image from the ledger's recent images, for ``--dry-run``."""

from __future__ import annotations

from statistics import mean, median
from typing import Any

from sqlalchemy import func, select

from db.connection import Database
from db.tables import engines, images, recipes, variants
from db.values import ImageStatus
from sdq_core.values.variants import AnyVariant, RecipeVariant

#: How many recent images of any variant to look at.
LOOK_BACK = 5000
#: How many of them are enough for an estimate.
SAMPLE = 200


class Estimates:
    """Time and space per image, from the most recent ones. Only reads; results change with every image drawn."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def image_ms(self, variant: RecipeVariant, num_inference_steps: int) -> float | None:
        """Estimate the time of one image in an engine, ms; None if the variant has no recent images.

        An image counts for the variant that drew it, whatever its recipe asked for; for `any`, all of the model count.

        Uses only images with the same number of steps if there are any; otherwise scales the denoising of the others.
        Encoding and saving are left out: the worker does them while the engine draws the next image.
        """
        recent = _recent()
        query = (
            select(
                recipes.c.num_inference_steps,
                recent.c.text_encode_ms,
                recent.c.denoise_ms,
                recent.c.decode_ms,
                recent.c.safety_ms,
            )
            .join_from(recent, recipes, recipes.c.id == recent.c.recipe_id)
            .join(engines, engines.c.id == recent.c.engine_id)
            .join(variants, variants.c.id == engines.c.variant_id)
            .where(
                variants.c.model == variant.model
                if isinstance(variant, AnyVariant)
                else variants.c.key == variant.key
            )
            .order_by(recent.c.id.desc())
            .limit(SAMPLE)
        )
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        if not rows:
            return None
        rows = [row for row in rows if row[0] == num_inference_steps] or rows
        drawing_ms = median(
            denoise_ms * num_inference_steps / steps + decode_ms + safety_ms
            for steps, _, denoise_ms, decode_ms, safety_ms in rows
        )
        # Most images share their prompt with the one before, so encoding took 0: a median would hide the others.
        return float(drawing_ms + mean(row[1] for row in rows))

    def image_bytes(self, width: int, height: int) -> float | None:
        """Estimate the size of an image's file, bytes; None if no recent image has that size in pixels."""
        recent = _recent()
        query = (
            select(func.avg(recent.c.size_bytes))
            .join_from(recent, recipes, recipes.c.id == recent.c.recipe_id)
            .where(recipes.c.width == width, recipes.c.height == height)
        )
        with self._database.reading() as connection:
            average = connection.execute(query).scalar()
        return None if average is None else float(average)


def _recent() -> Any:
    return (
        select(images)
        .where(images.c.status == str(ImageStatus.DONE))
        .order_by(images.c.id.desc())
        .limit(LOOK_BACK)
        .subquery()
    )
