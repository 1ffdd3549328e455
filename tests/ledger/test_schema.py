"""Migrations and tables agree, and versions are respected; on SQLite and on PostgreSQL."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from db.connection import SCHEMA_LOCK, Database
from db.ledger import Ledger
from db.schema import alembic_config, stored_revision
from db.tables import HEAD_REVISION, VERSION_TABLE, metadata
from sdq_core.errors import ConfigurationError
from tests.ledger.plans import plan


def _described(connection: Connection) -> dict[str, Any]:
    """Everything about the tables that a database tells."""
    inspector = inspect(connection)
    return {
        table: {
            "columns": [
                {key: str(column[key]) for key in ("name", "type", "nullable", "default")}
                for column in inspector.get_columns(table)
            ],
            "primary key": inspector.get_pk_constraint(table)["constrained_columns"],
            "foreign keys": sorted(
                f"{key['constrained_columns']} {key['referred_table']}"
                for key in inspector.get_foreign_keys(table)
            ),
            "unique": sorted(
                str(unique["column_names"]) for unique in inspector.get_unique_constraints(table)
            ),
            "indexes": sorted(
                f"{index['name']} {index['column_names']} {_where(index)}"
                for index in inspector.get_indexes(table)
            ),
        }
        for table in sorted(inspector.get_table_names())
    }


def _where(index: Any) -> str:
    options = index.get("dialect_options", {})
    return str(options.get("sqlite_where", options.get("postgresql_where", "")))


def test_migrations_make_exactly_the_tables(ledger: Ledger, empty_url: str) -> None:
    database = Database(empty_url)
    with database.writing() as connection:
        command.upgrade(alembic_config(connection), "head")
    with database.reading() as connection:
        assert stored_revision(connection) == HEAD_REVISION
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, metadata) == []
        migrated = _described(connection)
    database.close()
    with ledger._database.reading() as connection:
        assert _described(connection) == migrated
    with Ledger.open(empty_url) as opened:  # and what was migrated works
        assert opened.submissions.add(plan(["a"], range(30))).images_new == 30
        assert opened.id != ledger.id


def test_a_ledger_of_the_first_version_is_migrated_with_what_it_holds(ledger_url: str) -> None:
    database = Database(ledger_url)
    with database.writing() as connection:
        command.upgrade(alembic_config(connection), "0001")
        connection.execute(
            text(
                "INSERT INTO engines (worker, host, pid, pipeline, runtime, compute_unit, precision, os, chip, "
                "load_ms, started_at) VALUES ('w', 'h', 1, 'builtin', 'onnx', 'ALL', 'float16', 'o', 'c', 1, 1)"
            )
        )
    database.close()
    with Ledger.open(ledger_url) as opened:
        with opened._database.reading() as connection:
            assert stored_revision(connection) == HEAD_REVISION
            assert connection.execute(text("SELECT count(*) FROM engines")).scalar() == 1
        assert opened.benchmarks.newest("demo") == []


def test_a_killed_migration_is_made_the_next_time(ledger_url: str) -> None:
    database = Database(ledger_url)
    with database.writing() as connection:
        command.upgrade(alembic_config(connection), "0003_engine_variant")
    with database.trying(lock=SCHEMA_LOCK) as connection:  # whose transaction ends as a killed one
        command.upgrade(alembic_config(connection), "head")
    with database.reading() as connection:
        assert stored_revision(connection) == "0003_engine_variant"
        assert "ix_images_slice_id" not in str(inspect(connection).get_indexes("images"))
    database.close()
    with Ledger.open(ledger_url) as opened, opened._database.reading() as connection:
        assert "ix_images_slice_id" in str(inspect(connection).get_indexes("images"))


def test_the_code_knows_its_newest_migration(ledger: Ledger) -> None:
    with ledger._database.reading() as connection:
        scripts = ScriptDirectory.from_config(alembic_config(connection))
    assert scripts.get_heads() == [HEAD_REVISION]


def test_a_ledger_at_head_is_opened_without_alembic(ledger: Ledger, ledger_url: str) -> None:
    program = (
        "import sys; from db.ledger import Ledger; "
        f"Ledger.open({ledger_url!r}).close(); "
        "sys.exit('alembic' in sys.modules or 'sqlalchemy.orm' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_newer_ledger_is_refused(ledger: Ledger, ledger_url: str) -> None:
    database = Database(ledger_url)
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE sdq_revision SET version_num = '9999'"))
    database.close()
    with pytest.raises(ConfigurationError, match="newer sdq"):
        Ledger.open(ledger_url)


def _submit(url: str) -> None:
    with Ledger.open(url) as ledger:
        ledger.submissions.add(plan(["a", "b", "c"], range(100)))


def test_processes_that_start_and_submit_at_once_agree(ledger_url: str) -> None:
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=_submit, args=(ledger_url,)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    with Ledger.open(ledger_url) as ledger:
        (status,) = ledger.batches.statuses()
        assert status.total == 300
        assert len(ledger.work.open_slices()) == 12
