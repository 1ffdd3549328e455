"""Migrations and tables agree, and versions are respected; on SQLite and on PostgreSQL."""

from __future__ import annotations

import multiprocessing

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from db.connection import Database
from db.ledger import Ledger
from db.tables import metadata
from sdq.errors import ConfigurationError
from tests.ledger.plans import plan


def test_migrations_make_exactly_the_tables(ledger: Ledger, ledger_url: str) -> None:
    database = Database(ledger_url)
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "sdq_revision"})
        assert compare_metadata(context, metadata) == []
    database.close()


def test_a_newer_ledger_is_refused(ledger: Ledger, ledger_url: str) -> None:
    database = Database(ledger_url)
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE sdq_revision SET version_num = '9999'"))
    database.close()
    with pytest.raises(ConfigurationError):
        Ledger.open(ledger_url)


def _submit(url: str) -> None:
    with Ledger.open(url) as ledger:
        ledger.add_batch(plan(["a", "b", "c"], range(100)))


def test_processes_that_start_and_submit_at_once_agree(ledger_url: str) -> None:
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=_submit, args=(ledger_url,)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    with Ledger.open(ledger_url) as ledger:
        (status,) = ledger.batches()
        assert status.total == 300
        assert len(ledger.open_slices()) == 12
