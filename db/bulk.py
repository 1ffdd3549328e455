"""Many rows in few statements, each database in its own fastest way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, insert


def insert_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that all have the same columns.

    SQLite runs one prepared statement again and again. PostgreSQL would pay a message for each row, so there RETURNING
    makes SQLAlchemy send a thousand rows a statement ("insertmanyvalues").
    """
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        connection.execute(insert(table), rows)
    else:
        connection.execute(insert(table).returning(table.c.id), rows).close()
