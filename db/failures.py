"""Translates the databases' exceptions into sdq's, the only place that does.

What is a bug (a broken constraint, a malformed statement) is let through with its traceback; everything that a user or
another process can cause is translated. SQLite's errors are told apart by their messages, which are constants of its
source (`sqlite3ErrStr`) and, unlike its codes, tell a foreign table from a missing one.
"""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from sdq_core.errors import (
    ConfigurationError,
    OutputError,
    SdqError,
    ServiceUnavailableError,
    StorageError,
    TryAgainError,
)

_SQLITE: tuple[tuple[str, type[SdqError], str], ...] = (
    ("database is locked", ServiceUnavailableError,
     "The ledger {where} is locked by another process. Try again, or find that process with `lsof`."),
    ("database table is locked", ServiceUnavailableError,
     "The ledger {where} is locked by another process. Try again."),
    ("unable to open database file", OutputError,
     "The ledger {where} cannot be opened or created. Check that its folder exists and is writable."),
    ("readonly database", OutputError,
     "The ledger {where} cannot be written. Check the permissions of the file and of its folder."),
    ("disk is full", StorageError,
     "The disk of the ledger {where} is full. Free some space. Nothing that was recorded is lost."),
    ("disk I/O error", StorageError,
     "The disk of the ledger {where} is failing (disk I/O error). Check the disk."),
    ("not a database", ConfigurationError,
     "{where} is not an SQLite database. Name another file in SDQ_DATABASE_URL, or move that file away."),
    ("malformed", ConfigurationError,
     "The ledger {where} is damaged. Restore a backup, or recover what is left with `sqlite3 FILE .recover`."),
    ("already exists", ConfigurationError,
     "The database {where} has tables of another program. Name another one in SDQ_DATABASE_URL."),
)  # fmt: skip

# By SQLSTATE, the longest prefix first: https://www.postgresql.org/docs/current/errcodes-appendix.html
_POSTGRESQL: tuple[tuple[str, type[SdqError], str], ...] = (
    ("53100", StorageError,
     "The disk of the database {where} is full. Free some space. Nothing that was recorded is lost."),
    ("58", StorageError, "The disk of the database {where} is failing. Check the disk of its server."),
    ("25006", OutputError, "The database {where} is read-only. Use the primary server's URL."),
    ("42501", ConfigurationError, "The user of the database {where} lacks a permission. Grant it."),
    ("42P07", ConfigurationError,
     "The database {where} has tables of another program. Name another one in SDQ_DATABASE_URL."),
    ("28", ConfigurationError, "The database {where} rejected the user or the password. Check SDQ_DATABASE_URL."),
    ("3D", ConfigurationError, "The database {where} does not exist. Create it with `createdb`."),
    ("40", TryAgainError, "The database {where} was busy with other changes. Try again."),
    ("08", ServiceUnavailableError, "The connection to the database {where} was lost. Check its server."),
    ("53", ServiceUnavailableError,
     "The database {where} is out of connections or memory. Raise its limits, or try again later."),
    ("55", ServiceUnavailableError, "The database {where} is locked by another process. Try again."),
    ("57", ServiceUnavailableError, "The database {where} is stopping or starting. Try again."),
)  # fmt: skip

# Before a session exists there is no SQLSTATE, only the server's message.
_POSTGRESQL_CONNECTING = (
    ("authentication failed", "28"),
    ("no password supplied", "28"),
    ('role "', "28"),
    ('database "', "3D"),
)


def translated(error: Exception, where: str) -> SdqError | None:
    """Return sdq's error for a database's; None if it is a bug, whose traceback should be seen.

    where: the database's URL without its password, or a file.
    """
    if isinstance(error, PoolTimeoutError):
        return ServiceUnavailableError(
            f"All connections to the database {where} are in use. Try again."
        )
    if not isinstance(error, DBAPIError) or isinstance(error, IntegrityError):
        return None
    if type(error.orig).__module__.startswith("sqlite3"):
        return _of_sqlite(str(error.orig), where)
    return _of_postgresql(error, where)


def _of_sqlite(text: str, where: str) -> SdqError | None:
    for fragment, kind, message in _SQLITE:
        if fragment in text:
            return kind(message.format(where=where))
    return None


def _of_postgresql(error: DBAPIError, where: str) -> SdqError | None:
    cause = error.orig
    text = str(cause).strip()
    code = getattr(cause, "sqlstate", None) or ""
    if not code and "FATAL" in text:
        code = next((c for words, c in _POSTGRESQL_CONNECTING if words in text), "")
    for prefix, kind, message in _POSTGRESQL:
        if code and code.startswith(prefix):
            return kind(
                f"{message.format(where=where)} PostgreSQL reports: {text.splitlines()[0]}."
            )
    if isinstance(error, OperationalError) or error.connection_invalidated:
        first_line = text.splitlines()[0] if text else type(cause).__name__
        return ServiceUnavailableError(
            f"The database {where} cannot be reached: {first_line}. Start it, or check SDQ_DATABASE_URL."
        )
    return None
