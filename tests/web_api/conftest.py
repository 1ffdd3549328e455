from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.program import Program
from tests.shared_redis import no_settings, shared_redis_url  # noqa: F401 - fixtures
from tests.translations import with_translations
from tests.web_api.serving import Served, served


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
