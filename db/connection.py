"""One database, SQLite or PostgreSQL: opens, reads and writes it.

`reading` and `writing` are the only ways in, and both translate errors. Writers of SQLite take the write lock at the
start (``BEGIN IMMEDIATE``) and so wait for each other; a transaction that began as a reader would fail with "database
is locked" when it tried to write after another writer.

SQLite runs in WAL mode with ``synchronous=NORMAL``: a power cut may lose the last rows but never damages the file. For
images that is enough, because the file is written first, and a lost row only means that the image is drawn again over
the same file. What was confirmed to the user (a submission, a pause) must not be lost, so those commits are `durable`.

No wait is without end (`db.limits`). A database remembers that it was opened and written, because a refusal means
something else then (`db.failures`).
"""

from __future__ import annotations

import contextlib
import importlib.util
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event, select, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from db.failures import Proof, translated
from db.limits import COMMAND, Limits
from db.tables import identity
from sdq_core.errors import ConfigurationError, OutputError, ServiceUnavailableError
from sdq_core.privacy import is_clear, masked_url

#: PostgreSQL's advisory locks are numbers shared by all programs of a database: "sdq" in ASCII, and a number of ours.
SCHEMA_LOCK = 0x736471_01
SUBMISSION_LOCK = 0x736471_02

_WRITE = "sdq_write"

#: Whoever asks again this soon after waiting in vain gets the same answer: what ends after trouble asks several things.
_SAME_ANSWER_S = 0.4
_IN_VAIN_S = 0.5


class Database:
    """Connections to one database. Threads may share it; processes must each open their own."""

    def __init__(self, url: str, limits: Limits = COMMAND) -> None:
        self.url = parsed_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        if self.is_sqlite:
            from db.sqlite import sqlite_engine

            self.where = str(self.url.database)
            self._make_folder()
            self.engine = sqlite_engine(self.url, limits)
            event.listen(self.engine, "begin", _begin_sqlite)
        else:
            from db.postgresql import postgresql_engine  # needs its driver

            self.where = masked_url(url)
            self.engine = postgresql_engine(self.url, limits)
        self._writer = self.engine.execution_options(**{_WRITE: True})
        self._proven: set[Proof] = set()
        self._in_vain: ServiceUnavailableError | None = None
        self._ask_again_at = 0.0

    def close(self) -> None:
        """Close all connections; the last one to an SQLite file merges its WAL into it."""
        self.engine.dispose()

    def expect(self, ledger_id: str) -> None:
        """Refuse from now on to connect to another ledger, which may have been made in this one's place meanwhile."""
        ask = str(select(identity.c.ledger_id))

        @event.listens_for(self.engine, "connect")
        def check(connection: Any, _record: Any) -> None:
            found = connection.execute(ask).fetchone()
            connection.rollback()
            if found is None or found[0] != ledger_id:
                raise ServiceUnavailableError(
                    f"The database {self.where} holds another ledger than before. Put the former one back, or start "
                    "sdq again to use this one."
                )

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a transaction that sees one state of the database and cannot change it."""
        with self._translating(), self.engine.connect() as connection:
            yield connection
        self._proven.add(Proof.OPENED)

    @contextmanager
    def writing(self, *, durable: bool = False, lock: int | None = None) -> Iterator[Connection]:
        """Open a transaction that commits at the end of the block, or not at all on an exception.

        durable: survive a power cut once committed.
        lock: exclude other holders of the same number until the end (SQLite has only one writer anyway).
        """
        with self._translating(), self._writer.connect() as connection:
            if self.is_sqlite and durable:
                # Cannot be set inside a transaction, and SQLAlchemy begins one at the first use of a connection.
                _driver(connection).execute("PRAGMA synchronous=FULL")
            try:
                with connection.begin():
                    if lock is not None:
                        self._take(connection, lock)
                    yield connection
            finally:
                if self.is_sqlite and durable:
                    _driver(connection).execute("PRAGMA synchronous=NORMAL")
        self._proven |= {Proof.OPENED, Proof.WRITTEN}

    @contextmanager
    def trying(self, *, lock: int) -> Iterator[Connection]:
        """Open a transaction as `writing` does, but always roll it back."""
        with (
            self._translating(),
            self._writer.connect() as connection,
            connection.begin() as transaction,
        ):
            self._take(connection, lock)
            yield connection
            transaction.rollback()

    def _take(self, connection: Connection, lock: int) -> None:
        if not self.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": lock})

    @contextmanager
    def _translating(self) -> Iterator[None]:
        began = time.monotonic()
        if self._in_vain is not None and began < self._ask_again_at:
            raise ServiceUnavailableError(str(self._in_vain))
        try:
            yield
        except (SQLAlchemyError, UnicodeEncodeError) as error:
            ours = translated(error, self.where, self._proven)
            if ours is None:
                raise
            now = time.monotonic()
            if isinstance(ours, ServiceUnavailableError) and now - began > _IN_VAIN_S:
                self._in_vain, self._ask_again_at = ours, now + _SAME_ANSWER_S
            raise ours from error

    def _make_folder(self) -> None:
        folder = Path(self.where).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"The ledger's folder {folder} cannot be created ({error.strerror}). "
                "Choose another data folder in SDQ_HOME, or another place for the ledger in SDQ_DATABASE_URL."
            ) from error


def may_exist(url: str) -> bool:
    """Whether there may be a database: False only for a missing SQLite file. Opens nothing."""
    parsed = parsed_url(url)
    return parsed.get_backend_name() != "sqlite" or Path(str(parsed.database)).is_file()


def _driver(connection: Connection) -> sqlite3.Connection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


def _begin_sqlite(connection: Connection) -> None:
    write = connection.get_execution_options().get(_WRITE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def parsed_url(url: str) -> URL:
    """Parse a database URL, also as hosting services spell it; raise ConfigurationError for any other."""
    parsed = None
    if is_clear(url, never_in_login="@"):
        with contextlib.suppress(ArgumentError, ValueError):
            parsed = make_url(url)
    if parsed is None:
        raise ConfigurationError(
            "SDQ_DATABASE_URL is not a database URL (it is not shown, as it may hold a password). Set it to "
            "sqlite:////absolute/path/sdq.db or postgresql://user:password@host/database; in a password, write "
            "% as %25, / as %2F and @ as %40."
        )
    if parsed.drivername in {"sqlite", "sqlite+pysqlite"}:
        if parsed.database in {None, "", ":memory:"}:
            raise ConfigurationError(
                "An in-memory database cannot be the ledger: several processes share it. Set SDQ_DATABASE_URL to a "
                "file, such as sqlite:////absolute/path/sdq.db."
            )
        return parsed
    if parsed.drivername in {"postgres", "postgresql", "postgresql+psycopg"}:
        if importlib.util.find_spec("psycopg") is None:
            raise ConfigurationError(
                "The PostgreSQL driver is not installed. Run `pip install 'sdq[postgres]'`."
            )
        return parsed.set(drivername="postgresql+psycopg")
    raise ConfigurationError(
        "The kind of database that SDQ_DATABASE_URL names is not supported. Use sqlite:// or postgresql://."
    )
