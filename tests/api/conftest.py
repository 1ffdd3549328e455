from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sdq import Batch, Queue
from sdq_core.queue.server import RedisServer
from sdq_core.settings import VARIABLES
from tests.api.drawing import draw


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
    """One Redis for all queues of these tests: each ledger has names of its own in it."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.ensure_running()
    yield server.url
    server.stop()


@pytest.fixture
def queue(tmp_path: Path, redis_url: str) -> Iterator[Queue]:
    """A queue in a data folder of its own, which is not there yet."""
    with Queue(tmp_path / "home", redis_url=redis_url) as opened:
        yield opened


@pytest.fixture(scope="package")
def night(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Iterator[Batch]:
    """Two prompts with three images each, of which one failed; for tests that only read."""
    with Queue(tmp_path_factory.mktemp("night") / "home", redis_url=redis_url) as queue:
        prompts = [
            {"prompt": "a red house", "custom_id": "h-1", "meta": {"album": 3}},
            "the sea <at> night",
        ]
        batch = queue.submit(prompts, seeds=range(3), batch="night", meta={"by": "me"}).batch
        draw(queue, failing=frozenset({2}))
        yield batch
