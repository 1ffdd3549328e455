"""Time and space per image, from the ledger's newest images: what the next ones will cost."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

from sqlalchemy import func, select

from db.connection import Database
from db.tables import batches, engines, images, recipes, variants
from db.values import BatchState, ImageStatus
from sdq_core.values.conditions import Conditions
from sdq_core.values.variants import AnyVariant, RecipeVariant

#: How many of the newest images, of any variant, to look at.
LOOK_BACK = 5000
#: How many of one variant are enough: the newest, so that another night's weather does not count.
SAMPLE = 500
#: The share of images that may be faster than `low_s`, and slower than `high_s`.
_OUTSIDE = 0.1


@dataclass(frozen=True, kw_only=True)
class ImageTime:
    """How long an image takes in one engine, and how long loading its variant does, s.

    Encoding and saving are left out: the worker does them while the engine draws the next image.

    mean_s: n images are expected to take n times as long.
    low_s, high_s: one in ten takes less than low_s, one in ten more than high_s. The mean is between them.
    images: how many images show it; 0 if it comes from a measurement without a spread.
    """

    mean_s: float
    low_s: float
    high_s: float
    load_s: float
    images: int


class _Recent(NamedTuple):
    """A finished image, its recipe and what drew it, as far as they tell what another one costs."""

    path: str
    size_bytes: int
    text_encode_ms: float
    denoise_ms: float
    decode_ms: float
    safety_ms: float
    steps: int  # that were taken
    width: int
    height: int
    load_ms: float
    variant_key: str
    model: str

    def drawing_ms(self, steps: int) -> float:
        """Return the time it took, or would have taken with that number of steps."""
        denoise_ms = self.denoise_ms * steps / self.steps
        return self.text_encode_ms + denoise_ms + self.decode_ms + self.safety_ms


class RecentImages:
    """The newest finished images of a ledger, whatever they were drawn for."""

    def __init__(self, newest_first: Iterable[_Recent]) -> None:
        self._of_variant: defaultdict[str, list[_Recent]] = defaultdict(list)
        self._of_model: defaultdict[str, list[_Recent]] = defaultdict(list)
        for image in newest_first:
            self._of_variant[image.variant_key].append(image)
            self._of_model[image.model].append(image)

    def time(self, variant: RecipeVariant, steps: int) -> ImageTime | None:
        """Return how long an image takes; None if the variant has no recent ones.

        An image counts for the variant that drew it, whatever its recipe asked for; for `any`, all of the model count.
        Uses only images with the same number of steps if there are any; otherwise scales the denoising of the others.
        """
        if isinstance(variant, AnyVariant):
            drawn = self._of_model.get(variant.model, [])
        else:
            drawn = self._of_variant.get(variant.key, [])
        if not drawn:
            return None
        same = [image for image in drawn if image.steps == steps]
        sample = (same or drawn)[:SAMPLE]
        times = sorted(image.drawing_ms(steps) / 1000 for image in sample)
        # Not the median: most images share their prompt with the one before, which leaves encoding to the others.
        mean_s = sum(times) / len(times)
        last = len(times) - 1
        return ImageTime(
            mean_s=mean_s,
            low_s=min(mean_s, times[math.floor(_OUTSIDE * last)]),
            high_s=max(mean_s, times[math.ceil((1 - _OUTSIDE) * last)]),
            load_s=sample[0].load_ms / 1000,
            images=len(times),
        )

    def file_bytes(self, model: str, width: int, height: int, suffix: str = ".png") -> float | None:
        """Return the mean size of an image's file; None if there is no recent one of that size in pixels and format.

        Uses only the model's own images if there are any. suffix: the ending of the format.
        """
        of_model = self._of_model.get(model, [])
        everyone = chain.from_iterable(self._of_model.values())
        sizes = _sizes(of_model, width, height, suffix) or _sizes(everyone, width, height, suffix)
        return sum(sizes) / len(sizes) if sizes else None


def _sizes(drawn: Iterable[_Recent], width: int, height: int, suffix: str) -> list[int]:
    return [
        one.size_bytes
        for one in drawn
        if (one.width, one.height) == (width, height) and one.path.endswith(suffix)
    ]


def _recent(row: Any) -> _Recent:
    *before, steps, scheduler, conditions, width, height, load_ms, key, model = row
    taken = Conditions.from_dict(conditions).steps_taken(scheduler, steps)
    return _Recent._make([*before, taken, width, height, load_ms, key, model])


class Estimates:
    """What the newest images tell. Only reads; results change with every image drawn."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def recent(self) -> RecentImages:
        """Return the newest finished images, in a time that does not grow with the ledger."""
        newest: Any = (
            select(
                images.c.id,
                images.c.recipe_id,
                images.c.engine_id,
                images.c.path,
                images.c.size_bytes,
                images.c.text_encode_ms,
                images.c.denoise_ms,
                images.c.decode_ms,
                images.c.safety_ms,
            )
            .where(images.c.status == str(ImageStatus.DONE))
            .order_by(images.c.id.desc())
            .limit(LOOK_BACK)
            .subquery()
        )
        query: Any = (
            select(
                newest.c.path,
                newest.c.size_bytes,
                newest.c.text_encode_ms,
                newest.c.denoise_ms,
                newest.c.decode_ms,
                newest.c.safety_ms,
                recipes.c.num_inference_steps,
                recipes.c.scheduler,
                recipes.c.conditions,
                recipes.c.width,
                recipes.c.height,
                engines.c.load_ms,
                variants.c.key,
                variants.c.model,
            )
            .join_from(newest, recipes, recipes.c.id == newest.c.recipe_id)
            .join(engines, engines.c.id == newest.c.engine_id)
            .join(variants, variants.c.id == engines.c.variant_id)
            .order_by(newest.c.id.desc())
        )
        with self._database.reading() as connection:
            return RecentImages(map(_recent, connection.execute(query)))

    def waiting_images(self) -> int:
        """Count the images that batches have yet to draw, paused ones too; an unfinished slice counts whole."""
        left = batches.c.images_total - batches.c.images_done - batches.c.images_failed
        query = select(func.sum(left)).where(
            batches.c.open_slices > 0, batches.c.state != str(BatchState.CANCELLED)
        )
        with self._database.reading() as connection:
            return int(connection.execute(query).scalar() or 0)
