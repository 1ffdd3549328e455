"""Brings a database to the schema of this code, even if several processes start at once.

A new database is created from `db.tables` in one step; an older one is migrated by Alembic, which is imported only then
(it takes longer than the rest of a command). `tests/ledger/test_schema.py` proves that both end in the same schema.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, insert, inspect, text

from db.column_types import now_utc
from db.connection import SCHEMA_LOCK, Database
from db.tables import HEAD_REVISION, VERSION_TABLE, identity, metadata
from sdq_core.errors import ConfigurationError

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"


def bring_to_head(database: Database) -> None:
    """Create or migrate the tables under a lock; raise ConfigurationError if a newer sdq wrote them."""
    with database.reading() as connection:
        revision = stored_revision(connection)
    if revision == HEAD_REVISION:
        return
    with database.writing(durable=True, lock=SCHEMA_LOCK) as connection:
        revision = stored_revision(connection)  # another process may have done it in the meantime
        if revision is None:
            _create(connection)
        elif revision != HEAD_REVISION:
            _migrate(connection, revision, database.where)


def stored_revision(connection: Connection) -> str | None:
    """Return the database's revision, None if it has no tables of ours."""
    if connection.dialect.name == "sqlite":
        exists = text("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = :name")
    else:
        # Not to_regclass: it may answer from a cache that is older than the lock just taken.
        exists = text(
            "SELECT 1 FROM pg_catalog.pg_class WHERE relname = :name AND pg_catalog.pg_table_is_visible(oid)"
        )
    if connection.execute(exists, {"name": VERSION_TABLE}).first() is None:
        return None
    row = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).first()
    return None if row is None else str(row[0])


def is_known(revision: str) -> bool:
    """Whether this sdq has the migration to a revision."""
    if revision == HEAD_REVISION:
        return True
    from alembic.script import ScriptDirectory

    return revision in {script.revision for script in ScriptDirectory(MIGRATIONS).walk_revisions()}


def refuse_foreign(connection: Connection) -> None:
    """Raise ConfigurationError if a database without our revision has tables with our names."""
    foreign = set(inspect(connection).get_table_names()) & set(metadata.tables)
    if foreign:
        raise ConfigurationError(
            f"The database already has tables named {', '.join(sorted(foreign))}, which sdq did not make. "
            "Name another database in SDQ_DATABASE_URL."
        )


def _create(connection: Connection) -> None:
    refuse_foreign(connection)
    metadata.create_all(connection, checkfirst=False)
    connection.execute(
        text(
            f"CREATE TABLE {VERSION_TABLE} (version_num VARCHAR(32) NOT NULL, "
            f"CONSTRAINT {VERSION_TABLE}_pkc PRIMARY KEY (version_num))"
        )
    )
    connection.execute(
        text(f"INSERT INTO {VERSION_TABLE} VALUES (:revision)"), {"revision": HEAD_REVISION}
    )
    connection.execute(
        insert(identity).values(ledger_id=secrets.token_hex(6), created_at=now_utc())
    )


def _migrate(connection: Connection, revision: str, where: str) -> None:
    from alembic import command

    if not is_known(revision):
        raise ConfigurationError(
            f"The ledger {where} was written by a newer sdq (revision {revision}, newer than "
            f"{HEAD_REVISION} here). Upgrade sdq, or name another ledger in SDQ_DATABASE_URL."
        )
    command.upgrade(alembic_config(connection), "head")


def alembic_config(connection: Connection) -> Config:
    """Return Alembic's configuration, bound to a connection whose transaction the caller ends."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
