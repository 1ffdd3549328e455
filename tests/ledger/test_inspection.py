"""A database that is looked at stays as it was."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from db.connection import Database
from db.inspection import inspect_ledger
from db.ledger import Ledger
from db.tables import HEAD_REVISION, VERSION_TABLE
from sdq_core.errors import ConfigurationError, ServiceUnavailableError


def run(url: str, *statements: str) -> None:
    database = Database(url)
    with database.writing() as connection:
        for statement in statements:
            connection.execute(text(statement))
    database.close()


def test_a_ledger_tells_its_revision_and_its_server(ledger_url: str) -> None:
    Ledger.open(ledger_url).close()
    state = inspect_ledger(ledger_url)
    assert (state.there, state.revision, state.newest) == (True, HEAD_REVISION, HEAD_REVISION)
    kind = "SQLite 3." if ledger_url.startswith("sqlite") else "PostgreSQL "
    assert state.server.startswith(kind)


def test_an_sqlite_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    state = inspect_ledger(f"sqlite:///{tmp_path / 'none' / 'sdq.db'}")
    assert not state.there
    assert state.revision is None
    assert list(tmp_path.iterdir()) == []


def test_an_empty_database_stays_empty(ledger_url: str, tmp_path: Path) -> None:
    if ledger_url.startswith("sqlite"):
        file = Path(ledger_url.removeprefix("sqlite:///"))
        with sqlite3.connect(file) as connection:
            connection.execute("CREATE TABLE another (x)")
        connection.close()
        before = file.read_bytes()
    state = inspect_ledger(ledger_url)
    assert state.there
    assert state.revision is None
    if ledger_url.startswith("sqlite"):
        assert file.read_bytes() == before, "it was not turned to write-ahead logging"
        assert list(tmp_path.iterdir()) == [file]
    else:
        database = Database(ledger_url)
        assert inspect(database.engine).get_table_names() == []
        database.close()


def test_a_newer_sdqs_ledger_and_another_programs_tables_are_refused(
    ledger_url: str, empty_url: str
) -> None:
    Ledger.open(ledger_url).close()
    run(ledger_url, f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    with pytest.raises(ConfigurationError, match=r"newer sdq \(revision 9999"):
        inspect_ledger(ledger_url)
    run(empty_url, "CREATE TABLE images (x INTEGER)")
    with pytest.raises(ConfigurationError, match="tables named images"):
        inspect_ledger(empty_url)


@pytest.mark.parametrize("database", [b"this is not a database, " * 100, None])
def test_what_is_no_database_is_named(tmp_path: Path, database: bytes | None) -> None:
    path = tmp_path / "sdq.db"
    if database is None:
        path.mkdir()
    else:
        path.write_bytes(database)
    with pytest.raises(Exception, match=r"sdq\.db") as raised:
        inspect_ledger(f"sqlite:///{path}")
    assert raised.type.__module__ == "sdq_core.errors"


def test_a_server_that_is_away_is_named_without_its_password() -> None:
    with pytest.raises(ServiceUnavailableError) as raised:
        inspect_ledger("postgresql://ann:pa55word@localhost:1/x")
    assert "localhost:1/x" in str(raised.value)
    assert "pa55word" not in str(raised.value)


def test_a_ledger_that_is_not_there_is_not_made_by_looking(ledger_url: str) -> None:
    assert Ledger.open_existing(ledger_url) is None
    assert inspect_ledger(ledger_url).revision is None
    Ledger.open(ledger_url).close()
    with Ledger.open_existing(ledger_url) or pytest.fail("it is there") as ledger:
        assert ledger.batches.statuses() == []
