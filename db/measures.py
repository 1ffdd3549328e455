"""What is measured of pictures, for `sdq inspect`: which images have no measures yet, and what was measured of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import islice

from sqlalchemy import Connection, bindparam, select, update

from db.connection import Database
from db.finished_rows import AT_ONCE, FILE, ImageFile, finished_rows, forget, store
from db.tables import images
from db.walk import parts
from sdq_core.values.quality import Quality

_COMPARED = (images.c.phash, images.c.constant, images.c.near_duplicate_of)
#: The hash first: whatever was measured has one.
_MEASURES = (*(images.c[field.name] for field in fields(Quality)), images.c.near_duplicate_of)


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
        for row in finished_rows(self._database, batch, FILE, images.c.phash.is_(None)):
            yield ImageFile(id=row.id, path=row.path, size_bytes=row.size_bytes, sha256=row.sha256)

    def store(self, measured: Iterable[tuple[ImageFile, Quality]]) -> None:
        """Store what was measured of some files; images that have another file by now stay without."""
        store(self._database, ((file, asdict(quality)) for file, quality in measured))

    def forget(self, batch: str | int | None) -> None:
        """Forget all measures, so that they are made again."""
        forget(self._database, batch, _MEASURES)

    def measured(self, batch: str | int | None) -> Iterator[MeasuredImage]:
        """Yield what is needed to compare images, of those that have measures."""
        for row in finished_rows(self._database, batch, _COMPARED, images.c.phash.is_not(None)):
            yield MeasuredImage(
                id=row.id,
                phash=row.phash,
                constant=row.constant,
                near_duplicate_of=row.near_duplicate_of,
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
        rest = iter(found)
        while some := list(islice(rest, AT_ONCE)):
            with self._database.writing(durable=True) as connection:
                values = [{"of_id": one, "instead": other} for one, other in some]
                connection.execute(statement, values)


def free_near_duplicates(connection: Connection, ids: Sequence[int]) -> None:
    """Forget that images were kept in place of others, before they are removed."""
    for some in parts(ids):
        connection.execute(
            update(images)
            .where(images.c.near_duplicate_of.in_(some))
            .values(near_duplicate_of=None)
        )
