"""What a storm found: trouble that is over after a moment must not end a worker, nor a variant for the night."""

from __future__ import annotations

import contextlib
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis

from db.ledger import Ledger
from sdq_core.errors import OutputError, ServiceUnavailableError, StorageError
from sdq_core.queue.queues import Queues
from sdq_core.queue.server import RedisServer
from tests.acceptance.program import Program, assert_whole, engines_of, stop
from tests.core.small_ledger import loaded, open_ids, submit
from tests.ledger.plans import ENGINE
from tests.worker.studio import grey_image, root_at
from worker.claims.claims import Claims
from worker.drawing.saving import Gallery


@pytest.fixture
def ledger(tmp_path: Path) -> Any:
    with Ledger.open(f"sqlite:///{tmp_path / 'sdq.db'}") as opened:
        yield opened


def test_an_engine_that_is_killed_while_it_loads_is_started_again(program: Program) -> None:
    program.call("submit", "--prompt", "the sea", "--seed", "0-1", "--steps", "2", "--batch", "sea")
    worker = program.start("worker", "--threads", "1")
    first = _new_engine(worker, killed=set())
    first.kill()
    _new_engine(worker, killed={first.pid}).kill()
    program.wait_for_images("sea", 2)
    assert stop(worker) == 0
    assert_whole(program.home, program.drawn("sea"), 2)


def _new_engine(worker: subprocess.Popen[str], *, killed: set[int]) -> psutil.Process:
    """Wait for an engine that was just started: its model takes longer to load than that."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(psutil.Error):  # the killed one may be a zombie still
            for engine in engines_of(worker):
                if engine.pid not in killed:
                    return engine
        time.sleep(0.02)
    raise AssertionError("no engine was started")


def test_a_folder_that_closes_after_it_took_files_is_worth_waiting_for(
    ledger: Ledger, tmp_path: Path
) -> None:
    submit(ledger, "the sea")
    slice_ = loaded(ledger, open_ids(ledger)[0])
    root = tmp_path / "outputs"
    gallery = Gallery(root_at(root), with_metadata=False)

    def save() -> None:
        gallery.save(
            slice_, 0, grey_image(),
            engine_id=1, engine=ENGINE, queue_wait_ms=0.0, begun_before=False,
            noted_path=lambda: None, is_anothers=lambda _: False,
        )  # fmt: skip

    root.write_text("a file in the folder's place")
    with pytest.raises(OutputError):
        save()
    root.unlink()
    save()
    root.rename(tmp_path / "unplugged")
    root.write_text("a file in the folder's place")
    with pytest.raises(StorageError, match="Reconnect its drive"):
        save()
    root.unlink()
    with pytest.raises(StorageError, match="Reconnect its drive"):
        save()
    assert not root.exists()
    (tmp_path / "unplugged").rename(root)
    save()


def test_a_worker_that_begins_again_in_the_middle_knows_its_own_name(
    ledger: Ledger, tmp_path: Path
) -> None:
    server = RedisServer(tmp_path / "redis")
    server.ensure_running()
    try:
        with redis.Redis.from_url(server.url) as client:
            claims = Claims(Queues(client, ledger.id), tmp_path / "workers", shared=False)
            claims.sign_on()
            claims.sign_on()
            assert client.exists(f"rq:worker:{claims.worker}")
    finally:
        server.stop()


def test_a_worker_that_begins_as_redis_ends_says_so(ledger: Ledger, tmp_path: Path) -> None:
    with (
        redis.Redis(unix_socket_path=str(tmp_path / "none.sock")) as client,
        pytest.raises(ServiceUnavailableError, match="Redis"),
    ):
        Claims(Queues(client, ledger.id), tmp_path / "workers", shared=False)
