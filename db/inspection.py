"""Inspects a database without creating, migrating or changing anything.

`Ledger.open` creates a missing ledger and migrates an old one, which every command wants except the one that only
reports (`sdq doctor`).
"""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import create_engine, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from db.connection import parsed_url
from db.failures import translated
from db.schema import is_known, refuse_foreign, stored_revision
from db.tables import HEAD_REVISION
from sdq_core.errors import ConfigurationError, OutputError
from sdq_core.privacy import masked_url

_TIMEOUT_S = 10


@dataclass(frozen=True, kw_only=True)
class LedgerState:
    """The state of a database.

    where: its file, or its URL without the password.
    there: whether it exists; always True for a server.
    server: kind and version.
    revision: of its schema, None if it has no tables of sdq.
    newest: the revision of this sdq.
    """

    where: str
    there: bool
    server: str
    revision: str | None
    newest: str = HEAD_REVISION


def inspect_ledger(url: str) -> LedgerState:
    """Inspect the database of a URL.

    Raises ConfigurationError if it is not a ledger or belongs to a newer sdq, ServiceUnavailableError if it cannot be
    reached, OutputError if it cannot be written.
    """
    parsed = parsed_url(url)
    if parsed.get_backend_name() != "sqlite":
        where = masked_url(url)
        engine = create_engine(
            parsed, poolclass=NullPool, connect_args={"connect_timeout": _TIMEOUT_S}
        )
        return _state(engine, where)
    file = Path(str(parsed.database)).absolute()
    if not file.exists():
        return LedgerState(
            where=str(file), there=False, server=f"SQLite {sqlite3.sqlite_version}", revision=None
        )
    if not os.access(file, os.W_OK):
        raise OutputError(
            f"The ledger {file} cannot be written. Check the permissions of the file."
        )
    # Opened as it is: neither created nor, as in `Database`, switched to write-ahead logging.
    address = f"file:{quote(str(file))}?mode=rw"
    engine = create_engine(
        "sqlite://",
        poolclass=NullPool,
        creator=lambda: sqlite3.connect(address, uri=True, timeout=_TIMEOUT_S),
    )
    return _state(engine, str(file))


def _state(engine: Engine, where: str) -> LedgerState:
    is_sqlite = engine.dialect.name == "sqlite"
    ask = text("SELECT sqlite_version()" if is_sqlite else "SHOW server_version")
    try:
        with engine.connect() as connection:
            version = str(connection.execute(ask).scalar_one()).split()[0]
            revision = stored_revision(connection)
            if revision is None:
                refuse_foreign(connection)
    except SQLAlchemyError as error:
        ours = translated(error, where)
        if ours is None:
            raise
        raise ours from error
    finally:
        engine.dispose()
    if revision is not None and not is_known(revision):
        raise ConfigurationError(
            f"The ledger {where} was written by a newer sdq (revision {revision}, newer than {HEAD_REVISION} here). "
            "Upgrade sdq, or name another ledger in SDQ_DATABASE_URL."
        )
    return LedgerState(
        where=where,
        there=True,
        server=f"{'SQLite' if is_sqlite else 'PostgreSQL'} {version}",
        revision=revision,
    )
