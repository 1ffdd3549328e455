from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from db.ledger import Ledger
from sdq_core.queue.queues import Queues
from sdq_core.queue.server import RedisServer
from tests.core.commands import Commands


@pytest.fixture
def connection(redis_server: RedisServer) -> Iterator[redis.Redis]:
    """A client of an empty Redis."""
    with redis.Redis.from_url(redis_server.url) as client:
        yield client


@pytest.fixture
def own_ledger(tmp_path: Path) -> Iterator[Ledger]:
    """An empty ledger of its own, on SQLite."""
    with Ledger.open(f"sqlite:///{tmp_path / 'sdq.db'}") as opened:
        yield opened


@pytest.fixture
def queues(connection: redis.Redis, own_ledger: Ledger) -> Queues:
    """The ledger's queues."""
    return Queues(connection, own_ledger.id)


@pytest.fixture
def sdq(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Commands:
    """The command line, in this process; nothing is in its data folder, which is not there yet."""
    return Commands(tmp_path / "home", monkeypatch, capsys)
