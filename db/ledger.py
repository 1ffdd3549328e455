"""The opened ledger: the rest of sdq reads and changes the database only through it.

It has one part for each kind of caller: `submissions` for the producer, `work` for workers, `batches` and `variants`
for status and control, `notices` for telling of them, `summaries` for reports, `upkeep` for verifying and pruning,
`benchmarks` and `estimates` for choosing variants and forecasting, `measures` and `scores` for inspecting pictures,
`marks` for what somebody thinks of them, `unit_trials` for what works where, `smoke_checks` for what updates change,
`browsing` for pages, `programs` for other programs. Each method is one transaction (or one per page, if it yields): it
happens completely or not at all, even if the process is killed in the middle, and a caller that does not know whether a
call succeeded may repeat it. Further guarantees are documented in the class of each part.

All methods raise ServiceUnavailableError (unreachable, locked), StorageError (disk full), OutputError (not writable) or
ConfigurationError (not our database), with the database's name and the next step.
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from sqlalchemy import select

from db.batches import Batches
from db.benchmarks import Benchmarks
from db.connection import Database, may_exist
from db.estimates import Estimates
from db.limits import COMMAND, Limits
from db.marks import Marks
from db.measures import Measures
from db.notices import Notices
from db.schema import bring_to_head, stored_revision
from db.scores import Scores
from db.smoke_checks import SmokeChecks
from db.submissions import Submissions
from db.tables import identity
from db.unit_trials import UnitTrials
from db.upkeep import Upkeep
from db.variants import Variants
from db.work import Work

if TYPE_CHECKING:
    from db.browsing import Browsing
    from db.programs import Programs
    from db.summaries import Summaries


class Ledger:
    """What was requested and what is finished. Threads may share it; processes must each open their own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.reading() as connection:
            self._id = str(connection.execute(select(identity.c.ledger_id)).scalar_one())
        database.expect(self._id)
        self.submissions = Submissions(database)
        self.work = Work(database)
        self.batches = Batches(database)
        self.variants = Variants(database)
        self.notices = Notices(database)
        self.upkeep = Upkeep(database)
        self.benchmarks = Benchmarks(database)
        self.estimates = Estimates(database)
        self.measures = Measures(database)
        self.scores = Scores(database)
        self.marks = Marks(database)
        self.unit_trials = UnitTrials(database)
        self.smoke_checks = SmokeChecks(database)

    @classmethod
    def open(cls, url: str, limits: Limits = COMMAND) -> Ledger:
        """Open the ledger at an SQLAlchemy URL, creating or migrating it if necessary.

        ``sqlite:////absolute/path`` or ``postgresql://user:password@host/database`` (``postgres://`` too).
        limits: how long to wait for the database once it is open. Creating and migrating it is always waited for.
        """
        database = Database(url)
        try:
            bring_to_head(database)
            if limits != COMMAND:
                database.close()
                database = Database(url, limits)
            return cls(database)
        except BaseException:
            database.close()
            raise

    @classmethod
    def open_existing(cls, url: str) -> Ledger | None:
        """Open the ledger at a URL as `open` does; return None, and create nothing, if there is none."""
        if not may_exist(url):
            return None
        database = Database(url)
        try:
            with database.reading() as connection:
                there = stored_revision(connection) is not None
            if there:
                bring_to_head(database)
                return cls(database)
        except BaseException:
            database.close()
            raise
        database.close()
        return None

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
        """12 random hexadecimal digits, fixed at creation; they name its queues, however the URL is spelled."""
        return self._id

    @property
    def summaries(self) -> Summaries:
        """What happened to a batch, or since a time. Imported here: only one command needs it."""
        from db.summaries import Summaries

        return Summaries(self._database)

    @property
    def browsing(self) -> Browsing:
        """What pages show. Imported here: only one command needs it."""
        from db.browsing import Browsing

        return Browsing(self._database)

    @property
    def programs(self) -> Programs:
        """What other programs ask. Imported here: only two commands need it."""
        from db.programs import Programs

        return Programs(self._database)
