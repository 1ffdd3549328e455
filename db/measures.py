"""What is measured of pictures, for `sdq inspect`: which images have no measures yet, and what was measured of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Column, Connection, RowMapping, bindparam, select, update

from db.connection import Database
from db.finished_rows import AT_ONCE, finished_rows
from db.tables import images
from db.values import ImageStatus
from db.walk import parts
from sdq_core.values.quality import Quality

One = TypeVar("One")

_DONE = str(ImageStatus.DONE)
_FILE = (images.c.path, images.c.size_bytes, images.c.sha256)
_COMPARED = (images.c.constant, images.c.near_duplicate_of)
_NO_MEASURES = {
    **{field.name: None for field in fields(Quality)},
    "near_duplicate_of": None,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageFile:
    """A finished image's file. id: of the image. path: relative to the outputs. size_bytes, sha256: as recorded."""

    id: int
    path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasuredImage:
    """A finished image with measures. id: of the image. The others are as in `db.values.ImageRecord`."""

    id: int
    phash: str
    constant: bool
    near_duplicate_of: int | None


class Measures:
    """Measures of finished images. Changes are durable and may be repeated.

    Methods take a batch's name or id, or None for all images; an unknown batch raises InputMissingError. They read page
    by page. An image that several batches ask for is met in each of them.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def unmeasured(self, batch: str | int | None) -> Iterator[ImageFile]:
        """Yield the files of the images without measures. What is stored meanwhile may be met or not."""
        for row in self._finished(batch, _FILE, measured=False):
            yield ImageFile(
                id=row["id"],
                path=row["path"],
                size_bytes=row["size_bytes"],
                sha256=row["sha256"],
            )

    def store(self, measured: Iterable[tuple[ImageFile, Quality]]) -> None:
        """Store what was measured of some files; images that have another file by now stay without."""
        values = [
            {"of_id": file.id, "of_sha256": file.sha256, **asdict(quality)}
            for file, quality in measured
        ]
        if not values:
            return
        statement = update(images).where(
            images.c.id == bindparam("of_id"),
            images.c.sha256 == bindparam("of_sha256"),
            images.c.status == _DONE,
        )
        with self._database.writing(durable=True) as connection:
            connection.execute(statement, values)

    def forget(self, batch: str | int | None) -> None:
        """Forget all measures, so that they are made again."""
        measured = (row["id"] for row in self._finished(batch, (), measured=True))
        for some in _batched(measured):
            with self._database.writing(durable=True) as connection:
                connection.execute(
                    update(images).where(images.c.id.in_(some)).values(**_NO_MEASURES)
                )

    def measured(self, batch: str | int | None) -> Iterator[MeasuredImage]:
        """Yield what is needed to compare images, of those that have measures."""
        for row in self._finished(batch, _COMPARED, measured=True):
            yield MeasuredImage(
                id=row["id"],
                phash=row["phash"],
                constant=row["constant"],
                near_duplicate_of=row["near_duplicate_of"],
            )

    def store_near_duplicates(self, found: Iterable[tuple[int, int | None]]) -> None:
        """Store which image is kept in place of each, by their ids; None for those that are kept themselves."""
        # None for an image that was removed meanwhile.
        kept = images.alias()
        instead = select(kept.c.id).where(kept.c.id == bindparam("instead")).scalar_subquery()
        statement = (
            update(images)
            .where(images.c.id == bindparam("of_id"))
            .values(near_duplicate_of=instead)
        )
        for some in _batched(found):
            with self._database.writing(durable=True) as connection:
                values = [{"of_id": one, "instead": other} for one, other in some]
                connection.execute(statement, values)

    def _finished(
        self, batch: str | int | None, columns: Sequence[Column[Any]], *, measured: bool
    ) -> Iterator[RowMapping]:
        """Yield the finished images with or without measures."""
        return finished_rows(
            self._database,
            batch,
            (images.c.phash, *columns),
            lambda row: (row["phash"] is not None) == measured,
            images.c.phash.is_not(None) if measured else images.c.phash.is_(None),
        )


def free_near_duplicates(connection: Connection, ids: Sequence[int]) -> None:
    """Forget that images were kept in place of others, before they are removed."""
    for some in parts(ids):
        connection.execute(
            update(images)
            .where(images.c.near_duplicate_of.in_(some))
            .values(near_duplicate_of=None)
        )


def _batched(many: Iterable[One]) -> Iterator[list[One]]:
    rest = iter(many)
    while some := list(islice(rest, AT_ONCE)):
        yield some
