"""Looking at a database without becoming part of it: nothing is created, migrated or changed.

`Ledger.open` makes a ledger where there is none and brings an old one up to date, which is what every command wants but
the one that only says how things stand.
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

_TIMEOUT_S = 10


@dataclass(frozen=True, kw_only=True)
class LedgerState:
    """How a database stands.

    where: file, or URL without password. there: whether it is there at all; a server's always is. server: kind and
    version. revision: of its schema, None where sdq has no tables yet; newest: the revision of this sdq.
    """

    where: str
    there: bool
    server: str
    revision: str | None
    newest: str = HEAD_REVISION


def inspect_ledger(url: str) -> LedgerState:
    """Look at the database of a URL.

    Raises ConfigurationError for what is no ledger or that of a newer sdq, ServiceUnavailableError when it does not
    answer, OutputError when it cannot be written.
    """
    parsed = parsed_url(url)
    if parsed.get_backend_name() != "sqlite":
        where = parsed.render_as_string(hide_password=True)
        engine = create_engine(
            parsed, poolclass=NullPool, connect_args={"connect_timeout": _TIMEOUT_S}
        )
        return _state(engine, where)
    if not parsed.database or parsed.database == ":memory:":
        raise ConfigurationError(
            "The ledger needs a file, which several processes share: sqlite:////absolute/path/sdq.db."
        )
    file = Path(parsed.database).absolute()
    if not file.exists():
        return LedgerState(
            where=str(file), there=False, server=f"SQLite {sqlite3.sqlite_version}", revision=None
        )
    if not os.access(file, os.W_OK):
        raise OutputError(
            f"The ledger {file} cannot be written. Check the permissions of the file."
        )
    # Opened as it is: neither made nor, as `Database` does, turned to write-ahead logging.
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
            f"The ledger {where} was written by a newer sdq (revision {revision}; this one knows {HEAD_REVISION}). "
            "Upgrade sdq here, or name another ledger in SDQ_DATABASE_URL."
        )
    return LedgerState(
        where=where,
        there=True,
        server=f"{'SQLite' if is_sqlite else 'PostgreSQL'} {version}",
        revision=revision,
    )
