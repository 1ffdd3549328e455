from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.api.drawing import draw
from tests.shared_redis import no_settings, shared_redis_url  # noqa: F401 - fixtures
from tests.web.browser import chromium
from tests.web.site import Site


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
