from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sdq import Batch, Queue
from tests.api.drawing import draw
from tests.shared_redis import no_settings, shared_redis_url  # noqa: F401 - fixtures


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
