"""Fixtures of packages whose tests share a Redis, and of which no setting of the surroundings may decide anything."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sdq_core.queue.server import RedisServer
from sdq_core.settings import VARIABLES


@pytest.fixture(scope="package", autouse=True)
def no_settings() -> Iterator[None]:
    """No variable of the surroundings decides anything here."""
    with pytest.MonkeyPatch.context() as patch:
        for names in VARIABLES.values():
            for name in names:
                patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="package", name="redis_url")
def shared_redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One Redis for all ledgers of a package's tests: each has names of its own in it."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.ensure_running()
    yield server.url
    server.stop()
