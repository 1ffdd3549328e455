"""`sdq service` and `sdq schedule` with a real systemd."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from datetime import date
from datetime import time as clock
from pathlib import Path

import pytest

from sdq.services.install import Change, install, uninstall
from sdq.services.job import Job
from sdq.services.systemctl import Systemd
from sdq_core.errors import ConfigurationError
from sdq_core.queue.server import RedisServer
from tests.core.commands import Commands
from tests.service.own_systemd import OwnSystemd, own_systemd


@pytest.fixture(scope="module")
def running() -> Iterator[OwnSystemd]:
    with own_systemd() as own:
        yield own


@pytest.fixture
def systemd(running: OwnSystemd, monkeypatch: pytest.MonkeyPatch) -> OwnSystemd:
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    return running


@pytest.fixture
def manager(systemd: OwnSystemd) -> Systemd:
    return Systemd(systemd.home / "config" / "systemd" / "user")


def test_a_worker_is_installed_left_alone_replaced_and_removed(
    systemd: OwnSystemd, sdq: Commands
) -> None:
    assert "Not installed" in sdq("service", "status", code=69).out
    installed = sdq("service", "install", "--unload-after", "60", "--json").json
    assert installed["change"] == "installed"
    try:
        first = sdq("service", "status", "--json").json
        assert first["pid"] == installed["pid"]
        again = sdq("service", "install", "--unload-after", "60")
        assert again.out == "The worker was installed like this before. Nothing changed.\n"
        assert sdq("service", "status", "--json").json["pid"] == first["pid"]
        assert "Replaced" in sdq("service", "install", "--unload-after", "90").out
        second = sdq("service", "status", "--json").json["pid"]
        assert second not in {None, first["pid"]}
        systemd.ask("stop", "sdq-worker.service")
        stopped = sdq("service", "status", code=69).out
        assert "Installed, but stopped" in stopped
        assert "not running. Started it." in sdq("service", "install", "--unload-after", "90").out
    finally:
        assert sdq("service", "uninstall").out == "Stopped and removed the worker.\n"
        RedisServer(sdq.home / "redis").stop()
    assert sdq("service", "uninstall").out == "No worker was installed.\n"
    assert not list((systemd.home / "config" / "systemd" / "user").rglob("sdq*"))


def test_a_daily_submission_is_installed_runs_is_listed_and_removed(
    systemd: OwnSystemd, sdq: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("prompts.txt").write_text("a red house\n")
    line = ("--", "submit", "prompts.txt", "--batch", "nightly-{date}")
    assert "is installed." in sdq("schedule", "22:00", "--install", *line).out
    assert "Nothing changed" in sdq("schedule", "22:00", "--install", *line).out
    # As if it had last run the day before yesterday; a timer that starts like that runs at once.
    [stamp] = systemd.home.rglob("stamp-sdq-schedule-nightly.timer")
    os.utime(stamp, (time.time() - 200_000,) * 2)
    assert "replaces the former" in sdq("schedule", "22:30", "--install", *line).out
    listed = sdq("schedule", "--list").out
    assert (
        listed == f"22:30  nightly  sdq submit --batch 'nightly-{{date}}' {tmp_path}/prompts.txt\n"
    )
    assert "22:30:00" in systemd.ask("list-timers", "sdq-schedule-nightly.timer")
    started = (
        "show",
        "sdq-schedule-nightly.service",
        "--property=ExecMainStartTimestamp",
        "--value",
    )
    assert not systemd.ask(*started).strip()
    before = date.today()
    systemd.ask("start", "sdq-schedule-nightly.service")
    assert sdq("ls", "-q").out.strip() in {f"nightly-{day}" for day in (before, date.today())}
    RedisServer(sdq.home / "redis").stop()
    assert sdq("schedule", "--remove", "nightly").out == "Removed nightly.\n"
    assert sdq("schedule", "--list").out == "Nothing is scheduled.\n"
    assert "There is nothing yet" in sdq("schedule", "--remove", "nightly", code=66).err
    assert not list(systemd.home.rglob("*sdq-schedule*"))  # nor a note of when it ran last


def test_systemd_reads_what_was_meant(
    manager: Systemd, systemd: OwnSystemd, tmp_path: Path
) -> None:
    folder = tmp_path / "a % b"
    folder.mkdir()
    words = ('a "red" $HOUSE', "100%d", "it's ${x} \\n", "é日本🎈", "", ";", "$", "{date}", "#")
    dump = "import json, os, sys; json.dump([sys.argv[1:], os.environ['TZ'], os.getcwd()], open(sys.argv[1], 'w'))"
    job = Job(
        name="schedule-nasty", program=sys.executable, words=("-c", dump, str(tmp_path / "said"), *words),
        environment={"TZ": 'a "b" $HOME %n \\x'}, folder=folder, at=clock(3, 0),
    )  # fmt: skip
    assert install(manager, job) is Change.INSTALLED
    systemd.ask("start", "sdq-schedule-nasty.service")
    assert json.loads((tmp_path / "said").read_text()) == [
        [str(tmp_path / "said"), *words], 'a "b" $HOME %n \\x', str(folder),
    ]  # fmt: skip
    [listed] = manager.scheduled()
    assert (listed.name, listed.at, listed.words) == ("nasty", "03:00", job.words)
    assert uninstall(manager, "schedule-nasty")


@pytest.mark.parametrize(
    ("code", "state", "result"),
    [
        (0, "inactive", "success"),
        (3, "inactive", "success"),  # some images failed
        (2, "failed", "exit-code"),
        (78, "failed", "exit-code"),
        (69, "activating", "exit-code"),  # again in ten seconds
        (1, "activating", "exit-code"),
    ],
)
def test_a_worker_is_started_again_where_that_helps(
    code: int, state: str, result: str, manager: Systemd, systemd: OwnSystemd
) -> None:
    job = Job(
        name="worker", program="/bin/sh", words=("-c", f"sleep 0.2; exit {code}"), environment={}
    )
    try:
        install(manager, job)
        systemd.wait_for("sdq-worker.service", "ActiveState", state)
        systemd.wait_for("sdq-worker.service", "Result", result)
        state_now = manager.state("worker")
        assert (state_now.loaded, state_now.pid) == (state == "activating", None)
        assert state_now.exit_code == (
            None if state == "inactive" else code
        )  # systemd forgets it then
    finally:
        uninstall(manager, "worker")


def test_what_cannot_be_started_leaves_everything_as_it_was(
    manager: Systemd, tmp_path: Path
) -> None:
    good = Job(name="worker", program="/bin/sleep", words=("600",), environment={})
    bad = Job(name="worker", program=str(tmp_path / "missing"), words=(), environment={})
    with pytest.raises(ConfigurationError, match="restart sdq-worker"):
        install(manager, bad)
    assert not any(path.exists() for path in manager.paths("worker"))
    try:
        install(manager, good)
        with pytest.raises(ConfigurationError, match="restart sdq-worker"):
            install(manager, bad)
        assert manager.state("worker").pid
        assert install(manager, good) is Change.NOTHING
    finally:
        assert uninstall(manager, "worker")
