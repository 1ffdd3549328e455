"""The part of the ledger that other programs ask, over HTTP and for monitoring."""

from __future__ import annotations

from collections.abc import Iterator

from db.connection import Database
from db.metrics import Measured, measured
from db.requests import ImageRequest, requests_of, slice_counts


class Programs:
    """Reads for other programs; blocks nobody."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def requests(self, batch_id: int) -> Iterator[ImageRequest]:
        """Yield a batch's images, drawn or not, by the line that asked for them (its `custom_id`), by entry."""
        return requests_of(self._database, batch_id)

    def slices(self, batch_id: int) -> tuple[int, int, int]:
        """Return how many slices a batch has, how many are drawn, and how many ended with a failed image."""
        with self._database.reading() as connection:
            return slice_counts(connection, batch_id)

    def measured(self) -> Measured:
        """Return counts of all batches, and the times of the newest images."""
        with self._database.reading() as connection:
            return measured(connection)
