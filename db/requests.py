"""A batch as requests: its images by the line that asked for them, which a `custom_id` names.

A line's images may be in several slices, and in another line's where both ask for the same one (`also` in its fields).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Row, func, select

from db.connection import Database
from db.tables import images, recipes, slices
from db.values import JSON, ImageStatus
from db.walk import images_with, walk_slices
from sdq_core.values.seeds import parse_seeds

_COLUMNS = (
    images.c.recipe_id,
    images.c.seed,
    images.c.status,
    images.c.finished_at,
    images.c.error,
    images.c.path,
    images.c.size_bytes,
)
#: Requests whose images are read at once.
_AT_ONCE = 100


@dataclass(frozen=True, kw_only=True)
class RequestedImage:
    """An image of a request.

    content_key, seed: its identity.
    status: None if it was not tried yet.
    finished_at: when it was done or given up, UTC.
    error: why it was given up.
    path, size_bytes: its file, relative to the outputs, once it is done.
    """

    content_key: str
    seed: int
    status: ImageStatus | None = None
    finished_at: datetime | None = None
    error: str | None = None
    path: str | None = None
    size_bytes: int | None = None

    @property
    def is_settled(self) -> bool:
        """Whether it is done or given up."""
        return self.status in {ImageStatus.DONE, ImageStatus.FAILED}


@dataclass(frozen=True, kw_only=True)
class ImageRequest:
    """One line's images. custom_id: its own name, else the number of its entry."""

    custom_id: str
    images: Sequence[RequestedImage]

    @property
    def is_settled(self) -> bool:
        """Whether nothing more comes of it."""
        return all(image.is_settled for image in self.images)

    @property
    def failures(self) -> list[RequestedImage]:
        """Its images that were given up."""
        return [image for image in self.images if image.status is ImageStatus.FAILED]


#: Where a request's images are: recipe and seeds.
_Share = tuple[int, str]


def requests_of(database: Database, batch_id: int) -> Iterator[ImageRequest]:
    """Yield a batch's requests in the order of their entries, reading their images a page at a time.

    Names and seeds of all requests are held in memory: this is for batches of some 100,000 at most.
    """
    shares: dict[str, list[_Share]] = {}
    for custom_id, share in walk_slices(database, batch_id, _shares_in):
        shares.setdefault(custom_id, []).append(share)
    requests = iter(shares.items())
    while page := dict(islice(requests, _AT_ONCE)):
        with database.reading() as connection:
            keys, found = _images_in(connection, page)
        for custom_id, places in page.items():
            yield ImageRequest(
                custom_id=custom_id,
                images=[
                    _image(keys[recipe_id], seed, found.get((recipe_id, seed)))
                    for recipe_id, written in places
                    for seed in parse_seeds(written)
                ],
            )


def slice_counts(connection: Connection, batch_id: int) -> tuple[int, int, int]:
    """Return how many slices a batch has, how many are drawn, and how many ended with a failed image."""
    is_over = slices.c.finished_at.is_not(None)
    counts = connection.execute(
        select(
            func.count(),
            func.count().filter(is_over, slices.c.failed == 0),
            func.count().filter(is_over, slices.c.failed > 0),
        ).where(slices.c.batch_id == batch_id)
    ).one()
    total, drawn, failed = map(int, counts)
    return total, drawn, failed


def _shares_in(
    connection: Connection,  # noqa: ARG001  (`walk_slices` gives it)
    slice_rows: Sequence[Row[Any]],
) -> Iterator[tuple[str, _Share]]:
    for slice_ in slice_rows:
        fields: Mapping[str, JSON] = slice_.fields or {}
        yield _name(slice_, fields), (slice_.recipe_id, slice_.seeds)
        # An entry has this in each of its slices; only those of the seeds' own slice are counted.
        own = set(parse_seeds(slice_.seeds)) if fields.get("also") else set()
        for other in fields.get("also") or ():
            seeds = [seed for seed in parse_seeds(other["seeds"]) if seed in own]
            if seeds:
                yield _name(slice_, other), (slice_.recipe_id, ",".join(map(str, seeds)))


def _name(slice_: Row[Any], fields: Mapping[str, JSON]) -> str:
    return str(fields.get("custom_id") or slice_.entry)


def _images_in(
    connection: Connection, page: Mapping[str, Sequence[_Share]]
) -> tuple[Mapping[int, str], Mapping[tuple[int, int], Mapping[str, Any]]]:
    """Return the content keys of a page's recipes by their ids, and the rows of its images by recipe and seed."""
    seeds: dict[int, set[int]] = {}
    for places in page.values():
        for recipe_id, written in places:
            seeds.setdefault(recipe_id, set()).update(parse_seeds(written))
    found = connection.execute(
        select(recipes.c.id, recipes.c.content_key).where(recipes.c.id.in_(seeds))
    )
    keys = {row.id: row.content_key for row in found}
    rows = images_with(connection, seeds, _COLUMNS)
    return keys, {(row["recipe_id"], row["seed"]): dict(row) for row in rows}


def _image(content_key: str, seed: int, row: Mapping[str, Any] | None) -> RequestedImage:
    if row is None:
        return RequestedImage(content_key=content_key, seed=seed)
    status = ImageStatus(row["status"])
    is_settled = status is not ImageStatus.DRAWING
    return RequestedImage(
        content_key=content_key,
        seed=seed,
        status=status,
        finished_at=row["finished_at"] if is_settled else None,
        error=row["error"] if status is ImageStatus.FAILED else None,
        path=row["path"] if status is ImageStatus.DONE else None,
        size_bytes=row["size_bytes"] if status is ImageStatus.DONE else None,
    )
