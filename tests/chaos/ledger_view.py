"""The ledger seen from outside, as any other program would read it; SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

#: A recipe's id and a seed.
Image = tuple[int, int]

_HANDS = """
SELECT i.recipe_id, i.seed, i.slice_id, e.worker
FROM images i JOIN engines e ON e.id = i.engine_id WHERE i.status = 'drawing' AND i.error IS NULL
"""


@dataclass(frozen=True, kw_only=True)
class Hand:
    """An image that a worker has begun and not finished. pid: the worker's process id."""

    image: Image
    slice_id: int
    pid: int


class LedgerView:
    """Reads one ledger. What the storm looks at all the time is as it was last seen while the ledger cannot be read."""

    def __init__(self, url: str, *, is_away: Callable[[], bool] = lambda: False) -> None:
        """Connect to nothing yet. is_away: whether asking would only wait, as for a server that is frozen."""
        parsed = make_url(url)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        if self.is_sqlite:
            self._engine = create_engine(
                f"sqlite:///file:{parsed.database}?mode=ro&uri=true",
                poolclass=NullPool,
                connect_args={"timeout": 10},
            )
        else:
            self._engine = create_engine(
                parsed.set(drivername="postgresql+psycopg"),
                poolclass=NullPool,
                connect_args={"connect_timeout": 5, "options": "-c statement_timeout=10s"},
            )
        self._is_away = is_away
        self._done = 0
        self._hands: tuple[Hand, ...] = ()

    def rows(self, query: str, **values: Any) -> list[Any]:
        """Return a query's rows; raise DBAPIError while the ledger cannot be read."""
        with self._engine.connect() as connection:
            return list(connection.execute(text(query), values))

    def done(self) -> int:
        """Count the finished images."""
        if rows := self.seen("SELECT count(*) FROM images WHERE status = 'done'"):
            self._done = rows[0][0]
        return self._done

    def open_slices(self) -> int:
        """Count what the ledger still holds to be unfinished; raise DBAPIError while it cannot be read."""
        return int(self.rows("SELECT count(*) FROM slices WHERE finished_at IS NULL")[0][0])

    def hands(self) -> tuple[Hand, ...]:
        """Give the images that are begun and not finished, as they were last seen."""
        rows = self.seen(_HANDS)
        if rows is not None:
            self._hands = tuple(
                # A worker's name is host-pid-token.
                Hand(image=(recipe, seed), slice_id=slice_id, pid=int(worker.split("-")[-2]))
                for recipe, seed, slice_id, worker in rows
            )
        return self._hands

    def entries(self) -> dict[tuple[str, int], int]:
        """Give the recipe's id of each (batch name, entry)."""
        query = (
            "SELECT DISTINCT b.name, s.entry, s.recipe_id FROM slices s JOIN batches b ON b.id = s.batch_id"
        )  # fmt: skip
        return {(name, entry): recipe for name, entry, recipe in self.rows(query)}

    def damage(self) -> list[str]:
        """List what SQLite finds wrong with its file; PostgreSQL checks itself when it starts again."""
        if not self.is_sqlite:
            return []
        found = [row[0] for row in self.rows("PRAGMA integrity_check") if row[0] != "ok"]
        return found + [str(tuple(row)) for row in self.rows("PRAGMA foreign_key_check")]

    def seen(self, query: str) -> list[Any] | None:
        """Return a query's rows, None while the ledger cannot be read."""
        if self._is_away():
            return None
        try:
            return self.rows(query)
        except DBAPIError:  # not created yet, the disk is full, or the server is gone just now
            return None
