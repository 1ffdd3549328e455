from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from sdq_core.queue.server import RedisServer
from tests.api.drawing import draw
from tests.web.browser import chromium
from tests.web.site import Site


@pytest.fixture(scope="package")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One Redis for all sites of these tests."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.ensure_running()
    yield server.url
    server.stop()


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Iterator[Site]:
    """A site with two prompts of ten images, of which one failed; for tests that only read."""
    opened = Site(tmp_path_factory.mktemp("site") / "home", redis_url)
    opened.queue.submit(
        ['the sea <at> night & "rain"', "a red house"], seeds=range(10), batch="night"
    )
    draw(opened.queue, failing=frozenset({3}))
    yield opened
    opened.close()


@pytest.fixture
def own_site(tmp_path: Path, redis_url: str) -> Iterator[Site]:
    """A site of a test's own, in a data folder that is not there yet."""
    opened = Site(tmp_path / "home", redis_url)
    yield opened
    opened.close()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """A browser for all of these tests."""
    yield from chromium()
