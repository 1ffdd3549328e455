"""A queue's connections, and what importing it costs."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import sdq
from sdq import Queue, SdqError
from sdq_core.errors import ConfigurationError
from tests.acceptance.test_secrets import DATABASE, REDIS, assert_untold
from tests.api import user

#: What submitting and looking needs is imported when that is done, and the rest never.
NOT_NEEDED = ("click", "rich", "numpy", "pandas", "PIL", "sqlalchemy", "redis", "rq", "alembic", "yaml")  # fmt: skip


def test_importing_imports_nothing_that_is_not_used() -> None:
    program = (
        "import sys, sdq; assert 'sdq.queue' not in sys.modules; from sdq import Queue; Queue('/nowhere'); "
        f"sys.exit(' '.join(name for name in {NOT_NEEDED!r} if name in sys.modules))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert result.stderr.strip() == ""


def test_names_are_found_and_completed() -> None:
    assert {"Queue", "Batch", "Image", "Status", "Submission", "SdqError"} <= set(dir(sdq))
    with pytest.raises(AttributeError, match="module 'sdq' has no attribute 'Quue'"):
        _ = sdq.Quue


def test_settings_are_those_of_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SDQ_HOME", str(tmp_path / "set"))
    assert Queue().home == tmp_path / "set"
    queue = Queue(tmp_path, outputs=tmp_path / "images")
    assert (queue.home, queue.outputs) == (tmp_path, tmp_path / "images")
    assert repr(queue) == f"<sdq.Queue of {tmp_path}>"
    (tmp_path / "sdq.toml").write_text("steps = 'x'\n")
    with pytest.raises(ConfigurationError):
        Queue(tmp_path)


def test_a_closed_queue_opens_again(queue: Queue) -> None:
    with queue:
        batch = queue.submit("a").batch
    assert batch.status().total == 1
    queue.close()
    queue.close()
    assert [one.name for one in queue.batches()] == ["prompt"]


def test_threads_share_a_queue(queue: Queue) -> None:
    with ThreadPoolExecutor(4) as threads:
        added = list(threads.map(lambda n: queue.submit(f"boat {n}", batch=f"b{n % 2}"), range(8)))
    assert sum(one.images_new for one in added) == 8
    assert sorted(batch.status().total for batch in queue.batches()) == [4, 4]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_opens_connections_of_its_own(queue: Queue) -> None:
    batch = queue.submit("a").batch
    here = queue._connections.ledger()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            other = queue._connections.ledger() is not here
            batch.pause()
            os.write(writing, f"{other} {batch.status().state}".encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as said:  # noqa: PTH123
        assert said.read() == b"True paused"
    os.waitpid(child, 0)
    assert queue._connections.ledger() is here
    assert batch.status().state == "paused"


def test_a_pickled_queue_opens_connections_where_it_is(queue: Queue) -> None:
    batch = queue.submit("a").batch
    assert pickle.loads(pickle.dumps(batch)).status() == batch.status()
    assert pickle.loads(pickle.dumps(queue)).batch("prompt").id == batch.id


@pytest.mark.parametrize("setting", ["database_url", "redis_url"])
def test_no_traceback_of_a_notebook_tells_a_secret(setting: str, tmp_path: Path) -> None:
    urls = DATABASE if setting == "database_url" else REDIS[:4]
    for number, url in enumerate(urls):
        try:
            with Queue(tmp_path / f"{number}", **{setting: url}) as queue:
                queue.submit("a boat") if setting == "redis_url" else queue.batches()
        except SdqError:
            assert_untold(traceback.format_exc())
        else:
            pytest.fail(url)


def test_a_typed_users_program_runs(queue: Queue, capsys: pytest.CaptureFixture[str]) -> None:
    """`make check` checks its types as strictly as ours."""
    assert user.submit_and_count(queue) == {"a boat": 0}
    assert capsys.readouterr().out == ""
