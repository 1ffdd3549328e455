"""Translates the databases' exceptions into sdq's, the only place that does.

What is a bug (a broken constraint, a malformed statement) is let through with its traceback; everything that a user or
another process can cause is translated. SQLite's errors are told apart by their messages, which are constants of its
source (`sqlite3ErrStr`) and, unlike its codes, tell a foreign table from a missing one.

Some refusals are a mistake in the settings the first time, and trouble of the server once the same thing has worked in
this process: a role that does not exist, or a read-only server, in the middle of a night is a server that is being
restored or that failed over. The tables name the `Proof` from which on such a refusal is worth waiting for.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from enum import Enum, auto

from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from sdq_core.errors import (
    ConfigurationError,
    InputMissingError,
    OutputError,
    SdqError,
    ServiceUnavailableError,
    StorageError,
    TryAgainError,
)
from sdq_core.printable import quote


class Proof(Enum):
    """What has worked in this process: the ledger was opened and read, or also written."""

    OPENED = auto()
    WRITTEN = auto()


_Row = tuple[str, type[SdqError], Proof | None, str]

_SQLITE: tuple[_Row, ...] = (
    ("database is locked", ServiceUnavailableError, None,
     "The ledger {where} is locked by another process. Try again, or find that process with `lsof`."),
    ("database table is locked", ServiceUnavailableError, None,
     "The ledger {where} is locked by another process. Try again."),
    ("locking protocol", ServiceUnavailableError, None,
     "The ledger {where} is being opened by many processes at once. Try again."),
    ("unable to open database file", OutputError, Proof.OPENED,
     "The ledger {where} cannot be opened or created. Check that its folder exists and is writable."),
    ("readonly database", OutputError, Proof.WRITTEN,
     "The ledger {where} cannot be written. Check the permissions of the file and of its folder."),
    ("disk is full", StorageError, None,
     "The disk of the ledger {where} is full. Free some space. Nothing that was recorded is lost."),
    ("disk I/O error", StorageError, None,
     "The disk of the ledger {where} is failing (disk I/O error). Check the disk."),
    ("no such table", ConfigurationError, Proof.OPENED,
     "The ledger {where} lacks tables. Restore it, or name another file in SDQ_DATABASE_URL."),
    ("not a database", ConfigurationError, None,
     "{where} is not an SQLite database. Name another file in SDQ_DATABASE_URL, or move that file away."),
    ("malformed", ConfigurationError, None,
     "The ledger {where} is damaged. Restore a backup, or recover what is left with `sqlite3 FILE .recover`."),
    ("already exists", ConfigurationError, None,
     "The database {where} has tables of another program. Name another one in SDQ_DATABASE_URL."),
)  # fmt: skip

# By SQLSTATE, the longest prefix first: https://www.postgresql.org/docs/current/errcodes-appendix.html
_POSTGRESQL: tuple[_Row, ...] = (
    ("53100", StorageError, None,
     "The disk of the database {where} is full. Free some space. Nothing that was recorded is lost."),
    ("58", StorageError, None, "The disk of the database {where} is failing. Check the disk of its server."),
    ("25006", OutputError, Proof.WRITTEN,
     "The database {where} is read-only. Name the primary server in SDQ_DATABASE_URL."),
    ("42501", ConfigurationError, Proof.WRITTEN,
     "The user of the database {where} lacks a permission. Grant it: SELECT, INSERT, UPDATE and DELETE on the tables "
     "of sdq, USAGE on their sequences, and CREATE on the schema for the first start and after an upgrade. Or name "
     "another user in SDQ_DATABASE_URL."),
    ("42P01", ConfigurationError, Proof.OPENED,
     "The database {where} lacks tables of sdq. Restore them, or name another database in SDQ_DATABASE_URL."),
    ("42P07", ConfigurationError, None,
     "The database {where} has tables of another program. Name another one in SDQ_DATABASE_URL."),
    ("3F", ConfigurationError, Proof.OPENED,
     "The user of the database {where} has no schema for its tables. Grant CREATE on one in its search_path."),
    ("28", ConfigurationError, Proof.OPENED,
     "The database {where} rejected the user or the password. Check SDQ_DATABASE_URL."),
    ("3D", ConfigurationError, Proof.OPENED,
     "The database {where} does not exist. Create it with `createdb`, or check SDQ_DATABASE_URL."),
    ("40", TryAgainError, None, "The database {where} was busy with other changes. Try again."),
    ("08", ServiceUnavailableError, None, "The connection to the database {where} was lost. Check its server."),
    ("53", ServiceUnavailableError, None,
     "The database {where} is out of connections or memory. Raise its limits, or try again later."),
    ("55P03", ServiceUnavailableError, None, "The database {where} is locked by another process. Try again."),
    ("55", ServiceUnavailableError, None, "The database {where} is not ready for this at the moment. Try again."),
    ("57", ServiceUnavailableError, None, "The database {where} is stopping or starting. Try again."),
)  # fmt: skip

# Before a session exists there is no SQLSTATE, only the server's message. The first that is found counts.
_POSTGRESQL_CONNECTING = (
    ("authentication failed", "28"),
    ("no password supplied", "28"),
    ("no pg_hba.conf entry", "28"),
    ("permission denied", "42501"),
    ("not currently accepting", "57"),
    ("not yet accepting", "57"),
    ("starting up", "57"),
    ("shutting down", "57"),
    ("recovery mode", "57"),
    ("too many", "53"),
    ("connection slots", "53"),
    ('role "', "28"),
    ('database "', "3D"),
)


def translated(error: Exception, where: str, proven: Collection[Proof] = ()) -> SdqError | None:
    """Return sdq's error for a database's; None if it is a bug, whose traceback should be seen.

    where: the database's URL without its password, or a file. proven: what has worked in this process.
    """
    if isinstance(error, UnicodeEncodeError):  # bytes of a command line that are no text
        return InputMissingError(
            f"{quote(error.object)} is not text, so the ledger has nothing of that name. Check the name."
        )
    if isinstance(error, PoolTimeoutError):
        return ServiceUnavailableError(
            f"All connections to the database {where} are in use. Try again."
        )
    if not isinstance(error, DBAPIError) or isinstance(error, IntegrityError):
        return None
    if isinstance(error.orig, sqlite3.Error):
        return _of_sqlite(str(error.orig), where, proven)
    return _of_postgresql(error, where, proven)


def _of_sqlite(text: str, where: str, proven: Collection[Proof]) -> SdqError | None:
    for fragment, kind, proof, message in _SQLITE:
        if fragment in text:
            return _once(kind, proof, proven)(message.format(where=where))
    return None


def _of_postgresql(error: DBAPIError, where: str, proven: Collection[Proof]) -> SdqError | None:
    cause = error.orig
    text = str(cause).strip()
    code = getattr(cause, "sqlstate", None) or ""
    if not code and "FATAL" in text:
        code = next((c for words, c in _POSTGRESQL_CONNECTING if words in text), "")
    for prefix, kind, proof, message in _POSTGRESQL:
        if code and code.startswith(prefix):
            return _once(kind, proof, proven)(
                f"{message.format(where=where)} PostgreSQL reports: {text.splitlines()[0]}."
            )
    if isinstance(error, OperationalError) or error.connection_invalidated:
        first_line = text.splitlines()[0] if text else type(cause).__name__
        return ServiceUnavailableError(
            f"The database {where} cannot be reached: {first_line}. Start it, or check SDQ_DATABASE_URL."
        )
    return None


def _once(kind: type[SdqError], proof: Proof | None, proven: Collection[Proof]) -> type[SdqError]:
    return ServiceUnavailableError if proof is not None and proof in proven else kind
