"""Real services for tests: PostgreSQL from the pgserver wheel, Redis as sdq embeds it."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from db.ledger import Ledger
from sdq_core.queue.server import RedisServer

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A PostgreSQL server of this test run; missing, it is skipped locally and fails in CI."""
    try:
        import pgserver

        server = pgserver.get_server(tmp_path_factory.mktemp("postgres"))
        # Nothing here has to survive a power cut, and most of a small test's time was fsync.
        server.psql("ALTER SYSTEM SET fsync = off;")
        server.psql("SELECT pg_reload_conf();")
    except Exception as error:
        if os.environ.get("CI") and sys.version_info < (3, 13):  # newer ones have no pgserver
            raise
        pytest.skip(f"no PostgreSQL here: {error}")
    yield server
    server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, once of each kind."""
    return _new_database(str(request.param), request, tmp_path)


@pytest.fixture
def empty_url(ledger_url: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a second empty database, of the same kind as the first."""
    return _new_database(ledger_url.partition(":")[0], request, tmp_path)


def _new_database(kind: str, request: pytest.FixtureRequest, folder: Path) -> str:
    name = f"ledger_{next(_numbers)}"
    if kind == "sqlite":
        return f"sqlite:///{folder / name}.db"
    server = request.getfixturevalue("postgres")
    server.psql(f"CREATE DATABASE {name};")
    return str(server.get_uri(database=name))


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    """An empty ledger, once of each kind."""
    with Ledger.open(ledger_url) as opened:
        yield opened


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """An embedded Redis of this test's own."""
    server = RedisServer(tmp_path / "redis")
    server.ensure_running()
    yield server
    server.stop()
