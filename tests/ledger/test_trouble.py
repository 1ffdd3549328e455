"""Whatever is wrong with a database is said in sdq's own errors, with its name and what to do."""

from __future__ import annotations

import contextlib
import importlib.util
import multiprocessing
import os
import shutil
import signal
import sqlite3
import stat
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import event, make_url, text

from db.connection import Database
from db.ledger import Ledger
from db.limits import COMMAND, WORKER
from sdq_core.errors import (
    ConfigurationError,
    InputMissingError,
    OutputError,
    SdqError,
    ServiceUnavailableError,
    StorageError,
)
from tests.ledger.plans import ENGINE, plan, record

NOBODY = 65534


def test_a_locked_ledger_is_waited_for_and_then_said_to_be_locked(tmp_path: Path) -> None:
    path = tmp_path / "sdq.db"
    with Ledger.open(f"sqlite:///{path}", replace(COMMAND, lock_s=0.2)) as ledger:
        holder = sqlite3.connect(path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(ServiceUnavailableError, match=r"sdq\.db is locked") as caught:
            ledger.submissions.add(plan(["a"], [1]))
        assert caught.value.retryable
        assert ledger.batches.statuses() == []  # readers are not held up
        holder.execute("ROLLBACK")
        holder.close()
        assert ledger.submissions.add(plan(["a"], [1])).images_new == 1


def test_a_name_that_is_no_text_is_nobodys(ledger: Ledger) -> None:
    assert ledger.batches.find("a\udcff") is None
    for ask in (ledger.variants.resume, ledger.benchmarks.newest):
        with pytest.raises(InputMissingError, match=r"'a\\udcff' is not text"):
            ask("a\udcff")


def test_a_full_disk_loses_nothing_that_was_stored(tmp_path: Path) -> None:
    with Ledger.open(f"sqlite:///{tmp_path / 'sdq.db'}") as ledger:
        ledger.submissions.add(plan(["a"], [1], name="before"))
    database = Database(f"sqlite:///{tmp_path / 'sdq.db'}")
    event.listen(
        database.engine,
        "connect",
        lambda connection, _: connection.execute("PRAGMA max_page_count=40"),
    )
    ledger = Ledger(database)
    with pytest.raises(StorageError, match=r"sdq\.db is full") as caught:
        ledger.submissions.add(plan([f"prompt {i}" for i in range(5000)], range(50), name="big"))
    assert caught.value.retryable
    assert [batch.name for batch in ledger.batches.statuses()] == ["before"]
    ledger.submissions.add(plan(["b"], [1], name="after"))
    ledger.close()


def _open_as_nobody(url: str, answers: Any) -> None:
    os.setgroups([])
    os.setuid(NOBODY)
    try:
        with Ledger.open(url) as ledger:
            ledger.submissions.add(plan(["b"], [1]))
        answers.put(("fine", ""))
    except SdqError as error:
        answers.put((type(error).__name__, str(error)))


def _open_unprivileged(url: str) -> tuple[str, str]:
    """Open and write as a user whom permissions hold back; root is not."""
    if os.geteuid() != 0:
        try:
            with Ledger.open(url) as ledger:
                ledger.submissions.add(plan(["b"], [1]))
        except SdqError as error:
            return type(error).__name__, str(error)
        return "fine", ""
    fork = multiprocessing.get_context(
        "fork"
    )  # the child needs no more imports, which it may not read
    answers = fork.Queue()
    child = fork.Process(target=_open_as_nobody, args=(url, answers))
    child.start()
    answer: tuple[str, str] = answers.get(timeout=20)
    child.join()
    return answer


@pytest.fixture
def open_folder(tmp_path: Path) -> Path:
    """A folder that other users may walk into."""
    for folder in (tmp_path, *tmp_path.parents):
        if Path(tempfile.gettempdir()) in folder.parents and folder.stat().st_uid == os.geteuid():
            folder.chmod(folder.stat().st_mode | stat.S_IXGRP | stat.S_IXOTH | stat.S_IRGRP | stat.S_IROTH)  # fmt: skip
    return tmp_path


def test_a_folder_that_cannot_be_written(open_folder: Path) -> None:
    folder = open_folder / "locked"
    folder.mkdir(mode=0o555)
    kind, message = _open_unprivileged(f"sqlite:///{folder / 'sdq.db'}")
    assert (kind, str(folder) in message) == ("OutputError", True), message
    kind, message = _open_unprivileged(f"sqlite:///{folder / 'deeper' / 'sdq.db'}")
    assert (kind, str(folder) in message) == ("OutputError", True), message


def test_a_file_that_cannot_be_written(open_folder: Path) -> None:
    folder = open_folder / "shared"
    folder.mkdir()
    with Ledger.open(f"sqlite:///{folder / 'sdq.db'}") as ledger:
        ledger.submissions.add(plan(["a"], [1]))
    (folder / "sdq.db").chmod(0o444)
    folder.chmod(0o555)
    kind, message = _open_unprivileged(f"sqlite:///{folder / 'sdq.db'}")
    folder.chmod(0o755)
    assert (kind, "sdq.db" in message) == ("OutputError", True), message


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="file"):
        Ledger.open(f"sqlite:///{tmp_path / 'file' / 'sdq.db'}")
    with pytest.raises(OutputError, match="cannot be opened"):
        Ledger.open(f"sqlite:///{tmp_path}")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sqlite://", "several processes share it"),
        ("sqlite:///:memory:", "several processes share it"),
        ("mysql://me:secret@host/x", "not supported"),
        ("not a url", "not a database URL"),
        ("", "not a database URL"),
    ],
)
def test_urls_that_cannot_work(url: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        Ledger.open(url)
    assert "secret" not in str(caught.value)


def test_a_missing_driver_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(ConfigurationError, match=r"pip install 'sdq\[postgres\]'"):
        Ledger.open("postgres://me@host/x")


def test_tables_of_another_program_are_left_alone(ledger_url: str) -> None:
    database = Database(ledger_url)
    with database.writing() as connection:
        connection.execute(text("CREATE TABLE images (x INTEGER)"))
    with pytest.raises(ConfigurationError, match="images"):
        Ledger.open(ledger_url)
    with database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM images")).scalar() == 0
    database.close()


def test_a_database_that_does_not_exist(postgres: Any) -> None:
    url = postgres.get_uri(database="nowhere")
    with pytest.raises(ConfigurationError, match="does not exist"):
        Ledger.open(url)


def test_a_user_who_may_not(postgres: Any) -> None:
    url = str(make_url(postgres.get_uri()).set(username="nobody_we_know"))
    with pytest.raises(ConfigurationError, match="rejected"):
        Ledger.open(url)


def test_a_server_that_dropped_its_connections_is_connected_to_again(postgres: Any) -> None:
    postgres.psql("CREATE DATABASE dropped;")
    with Ledger.open(postgres.get_uri(database="dropped")) as ledger:
        ledger.submissions.add(plan(["a"], [1]))
        drop = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'dropped';"
        postgres.psql(drop)
        assert len(ledger.batches.statuses()) == 1

        def lose_the_connection() -> None:
            with ledger._database.writing() as connection:
                postgres.psql(drop)
                connection.execute(text("SELECT 1"))

        with pytest.raises(ServiceUnavailableError) as caught:
            lose_the_connection()
        assert caught.value.retryable
        assert len(ledger.batches.statuses()) == 1


def _worker_like(url: str) -> Ledger:
    """A ledger that has been read and written with a worker's limits."""
    ledger = Ledger.open(url, WORKER)
    ledger.submissions.add(plan(["a"], [1]))
    return ledger


def test_read_only_is_a_mistake_at_first_and_waited_for_later(postgres: Any) -> None:
    postgres.psql("CREATE DATABASE failover;")
    url = postgres.get_uri(database="failover")
    with _worker_like(url) as ledger, Ledger.open(url, WORKER) as fresh:
        postgres.psql("ALTER DATABASE failover SET default_transaction_read_only = on;")
        _drop_connections(postgres, "failover")
        for opened in (ledger, fresh):
            _reconnect(opened)
        with pytest.raises(ServiceUnavailableError, match="is read-only"):
            ledger.submissions.add(plan(["b"], [1], name="b"))
        with pytest.raises(OutputError, match="SDQ_DATABASE_URL"):
            fresh.submissions.add(plan(["b"], [1], name="b"))
        postgres.psql("ALTER DATABASE failover RESET default_transaction_read_only;")
        _drop_connections(postgres, "failover")
        _reconnect(ledger)
        assert ledger.submissions.add(plan(["b"], [1], name="b")).images_new == 1


def test_a_role_that_is_gone_for_a_while_is_waited_for(postgres: Any) -> None:
    postgres.psql("CREATE ROLE drawer LOGIN;")
    postgres.psql("CREATE DATABASE roles OWNER drawer;")
    url = str(make_url(postgres.get_uri(database="roles")).set(username="drawer"))
    with _worker_like(url) as ledger:
        postgres.psql("ALTER ROLE drawer RENAME TO away;")
        _drop_connections(postgres, "roles")
        _reconnect(ledger)
        with pytest.raises(ServiceUnavailableError, match="rejected the user"):
            ledger.batches.statuses()
        with pytest.raises(ConfigurationError, match="rejected the user"):
            Ledger.open(url)
        postgres.psql("ALTER ROLE away RENAME TO drawer;")
        assert len(ledger.batches.statuses()) == 1


@pytest.mark.parametrize("how", ["renamed", "closed", "emptied", "another"])
def test_a_database_that_is_being_restored_is_waited_for(postgres: Any, how: str) -> None:
    postgres.psql(f"CREATE DATABASE restored_{how};")
    url = postgres.get_uri(database=f"restored_{how}")
    with _worker_like(url) as ledger:
        postgres.psql(f"ALTER DATABASE restored_{how} ALLOW_CONNECTIONS false;")
        _drop_connections(postgres, f"restored_{how}")
        _reconnect(ledger)
        if how != "closed":
            postgres.psql(f"ALTER DATABASE restored_{how} RENAME TO kept_{how};")
        if how in {"emptied", "another"}:
            postgres.psql(f"CREATE DATABASE restored_{how};")
        if how == "another":
            Ledger.open(url).close()
        for _ in range(2):
            with pytest.raises(ServiceUnavailableError):
                ledger.batches.statuses()
        if how in {"emptied", "another"}:
            postgres.psql(f"DROP DATABASE restored_{how} WITH (FORCE);")
        if how != "closed":
            postgres.psql(f"ALTER DATABASE kept_{how} RENAME TO restored_{how};")
        postgres.psql(f"ALTER DATABASE restored_{how} ALLOW_CONNECTIONS true;")
        assert len(ledger.batches.statuses()) == 1


def test_a_permission_is_named_at_first(postgres: Any) -> None:
    postgres.psql("CREATE ROLE reader LOGIN;")
    postgres.psql("CREATE DATABASE permissions;")
    url = postgres.get_uri(database="permissions")
    Ledger.open(url).close()
    theirs = str(make_url(url).set(username="reader"))
    with pytest.raises(ConfigurationError, match=r"lacks a permission.*SELECT, INSERT"):
        Ledger.open(theirs)
    owner = Database(url)
    with owner.writing() as connection:
        for what in ("SELECT, INSERT, UPDATE, DELETE ON ALL TABLES", "USAGE ON ALL SEQUENCES"):
            connection.execute(text(f"GRANT {what} IN SCHEMA public TO reader"))
    owner.close()
    with Ledger.open(theirs, WORKER) as ledger:
        submission = ledger.submissions.add(plan(["a"], [1]))
        slice_ = ledger.work.load_slice(submission.slices[0].id)
        assert slice_ is not None
        engine_id = ledger.work.register_engine(ENGINE)
        assert ledger.work.record_and_go_on(record(slice_, 1, engine_id)).new
    postgres.psql("REVOKE CONNECT ON DATABASE permissions FROM public;")
    with pytest.raises(ConfigurationError, match=r"lacks a permission"):
        Ledger.open(theirs)


def test_a_frozen_server_holds_a_worker_up_for_moments_only(tmp_path: Path) -> None:
    pgserver = pytest.importorskip("pgserver")
    server = pgserver.get_server(tmp_path / "postgres")
    try:
        with _worker_like(server.get_uri()) as ledger:
            main = psutil.Process(server.get_pid())
            processes = [main, *main.children()]
            for process in processes:
                process.send_signal(signal.SIGSTOP)
            for _ in range(2):  # on the connection that is open, and on a new one
                began = time.monotonic()
                with pytest.raises(ServiceUnavailableError) as caught:
                    ledger.batches.statuses()
                assert caught.value.retryable
                assert time.monotonic() - began < 10
                time.sleep(0.5)  # asked again at once, it gives the same answer without asking
            for process in processes:
                process.send_signal(signal.SIGCONT)
            assert len(ledger.batches.statuses()) == 1
    finally:
        server.cleanup()


def test_a_locked_table_holds_a_worker_up_for_moments_only(postgres: Any) -> None:
    postgres.psql("CREATE DATABASE locked;")
    url = postgres.get_uri(database="locked")
    with _worker_like(url) as ledger:
        holder = Database(url)
        with holder.writing() as connection:
            connection.execute(text("LOCK TABLE batches IN ACCESS EXCLUSIVE MODE"))
            with pytest.raises(ServiceUnavailableError, match="locked by another process"):
                ledger.batches.statuses()
        holder.close()
        time.sleep(0.5)
        assert len(ledger.batches.statuses()) == 1


@pytest.mark.parametrize("replaced", ["by nothing", "by an empty file", "by another ledger"])
def test_a_file_that_is_gone_is_waited_for_and_not_made_anew(tmp_path: Path, replaced: str) -> None:
    path, away = tmp_path / "data" / "sdq.db", tmp_path / "away"
    with _worker_like(f"sqlite:///{path}") as ledger:
        path.parent.rename(away)
        if replaced != "by nothing":
            path.parent.mkdir()
            path.touch()
        if replaced == "by another ledger":
            Ledger.open(f"sqlite:///{path}").close()
        for _ in range(2):
            with pytest.raises(ServiceUnavailableError, match=r"sdq\.db"):
                ledger.batches.statuses()
            with pytest.raises(ServiceUnavailableError, match=r"sdq\.db"):
                ledger.submissions.add(plan(["b"], [1], name="b"))
        if replaced == "by nothing":
            assert not path.parent.exists()
        else:
            shutil.rmtree(path.parent)
        away.rename(path.parent)
        assert ledger.submissions.add(plan(["b"], [1], name="b")).images_new == 1
        assert len(ledger.batches.statuses()) == 2


def test_a_worker_keeps_few_pages_in_memory(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'sdq.db'}"
    Ledger.open(url).close()
    for limits in (COMMAND, WORKER):
        database = Database(url, limits)
        with database.reading() as connection:
            assert connection.execute(text("PRAGMA cache_size")).scalar() == -limits.cache_kib
        database.close()


def _drop_connections(postgres: Any, name: str) -> None:
    postgres.psql(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}';"
    )


def _reconnect(ledger: Ledger) -> None:
    """Notice that the connection is gone: a worker does not ask beforehand."""
    with contextlib.suppress(SdqError):
        ledger.batches.statuses()
