"""The ledger, opened: the rest of sdq asks and changes the database only through it.

It has a face for each who comes to it: `submissions` for the producer, `work` for workers, `batches` and `variants` for
whoever looks and steers, `upkeep` for what compares and tidies, `benchmarks` and `estimates` for choosing and
forecasting. Each method of a face is one transaction (or, where it yields, one for each page): it happens wholly or not
at all, also when the process is killed in the middle of it, and a caller that does not know whether a call went through
may repeat it. What else a face promises, its class says.

All methods raise ServiceUnavailableError (unreachable, locked), StorageError (disk full), OutputError (not writable) or
ConfigurationError (not our database), with the database's name and what to do.
"""

from __future__ import annotations

from types import TracebackType

from sqlalchemy import select

from db.batches import Batches
from db.benchmarks import Benchmarks
from db.connection import BUSY_TIMEOUT_S, Database, may_exist
from db.estimates import Estimates
from db.schema import bring_to_head
from db.submissions import Submissions
from db.tables import identity
from db.upkeep import Upkeep
from db.variants import Variants
from db.work import Work


class Ledger:
    """What was asked for and what was drawn. Threads may share it; after a fork or spawn, open another."""

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.reading() as connection:
            self._id = str(connection.execute(select(identity.c.ledger_id)).scalar_one())
        self.submissions = Submissions(database)
        self.work = Work(database)
        self.batches = Batches(database)
        self.variants = Variants(database)
        self.upkeep = Upkeep(database)
        self.benchmarks = Benchmarks(database)
        self.estimates = Estimates(database)

    @classmethod
    def open(cls, url: str, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> Ledger:
        """Open the ledger at an SQLAlchemy URL, and create or migrate it where that is due.

        ``sqlite:////absolute/path`` or ``postgresql://user:password@host/database`` (``postgres://`` too).
        busy_timeout_s: how long to wait for other writers, s.
        """
        database = Database(url, busy_timeout_s=busy_timeout_s)
        try:
            bring_to_head(database)
            return cls(database)
        except BaseException:
            database.close()
            raise

    @staticmethod
    def may_exist(url: str) -> bool:
        """Say whether `open` may find something; False only where it would make a new SQLite file."""
        return may_exist(url)

    def close(self) -> None:
        """Close all connections."""
        self._database.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def id(self) -> str:
        """12 hexadecimal digits, drawn when the ledger was created: its queues' name, however its URL is spelled."""
        return self._id
