from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sdq_core.queue.server import RedisServer
from sdq_core.settings import VARIABLES
from tests.acceptance.program import Program
from tests.translations import with_translations
from tests.web_api.serving import Served, served


@pytest.fixture(scope="package", autouse=True)
def _no_settings() -> Iterator[None]:
    """No variable of the surroundings decides anything here."""
    with pytest.MonkeyPatch.context() as patch:
        for names in VARIABLES.values():
            for name in names:
                patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="package")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One Redis for all ledgers of these tests: each has names of its own in it."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.ensure_running()
    yield server.url
    server.stop()


@pytest.fixture
def idle(tmp_path: Path, redis_url: str) -> Iterator[Served]:
    """A server over a data folder of its own, where nobody draws: tests.api.drawing does."""
    with served(tmp_path / "home", redis_url=redis_url) as running:
        yield running


@pytest.fixture(scope="module")
def drawing(tmp_path_factory: pytest.TempPathFactory, translations: Path) -> Iterator[Served]:
    """A server over a data folder where a worker draws the demo model."""
    program = Program(with_translations(tmp_path_factory.mktemp("drawing") / "home", translations))
    try:
        program.start("worker", "--quiet")
        with served(program.home) as running:
            yield running
    finally:
        program.close()
