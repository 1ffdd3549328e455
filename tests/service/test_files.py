"""A service file says exactly what was meant, whatever is in the words, variables and folder."""

from __future__ import annotations

import os
import shutil
import subprocess
from datetime import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sdq.services.crontab import crontab_line
from sdq.services.job import Job
from sdq.services.launchd import plist
from sdq.services.launchd import read_scheduled as read_scheduled_plist
from sdq.services.systemd import read_scheduled, units
from sdq_core.errors import UsageError
from tests.service.reading import read_crontab_line, read_plist, read_shell, read_unit

LOGS = Path("/home/ann/Library/Logs/sdq")
WRITABLE = st.characters(exclude_categories=("Cc", "Cs", "Cn"))
WORDS = st.lists(st.text(WRITABLE, max_size=12) | st.sampled_from(
    ["", " ", "%", "%%d", "$", "$$HOME", "${x}", '"', "'", "\\", "a\\n", ";", "-", "é日本🎈", "{date}", "&<>", "#", "@"]
), max_size=6)  # fmt: skip
FOLDERS = st.text(WRITABLE, max_size=12).map(lambda text: f"/{text}/x")
VARIABLES = st.dictionaries(
    st.sampled_from(["SDQ_HOME", "TZ", "PATH"]), st.text(WRITABLE, max_size=12)
)
NASTY = [
    "submit",
    "--prompt",
    'a "red" $HOUSE, 100% of it; it\'s \\ back',
    "--batch",
    "n-{date}",
    "",
]


def job(words: list[str], *, at: time | None = time(22, 5), **more: object) -> Job:
    given = {
        "environment": {"SDQ_HOME": "/x"},
        "folder": Path("/prompts"),
        "name": "schedule-n",
        **more,
    }
    return Job(program="/venv of ann/bin/sdq", words=tuple(words), at=at, **given)  # type: ignore[arg-type]


@settings(max_examples=40)
@given(WORDS, VARIABLES, FOLDERS)
@example(NASTY, {"SDQ_HOME": 'a b"%$'}, "/prompts of ann/x")
def test_nothing_is_lost_between_here_and_launchd_or_systemd(
    words: list[str], variables: dict[str, str], folder: str
) -> None:
    asked = job(["submit", *words], environment=variables, folder=Path(folder))
    meant = ([asked.program, *asked.words], variables, asked.folder)
    agent, document = read_plist(plist(asked, LOGS))
    assert (agent.words, agent.environment, agent.folder) == meant
    assert document["StartCalendarInterval"] == {"Hour": 22, "Minute": 5}
    assert "KeepAlive" not in document  # exit code 3 would start it again, for ever
    written = units(asked)
    unit, _ = read_unit(written["sdq-schedule-n.service"])
    assert (unit.words, unit.environment, unit.folder) == meant
    assert "\nOnCalendar=*-*-* 22:05:00\n" in written["sdq-schedule-n.timer"]
    for listed in (
        read_scheduled(written["sdq-schedule-n.timer"]),
        read_scheduled_plist(plist(asked, LOGS)),
    ):
        assert listed is not None
        assert (listed.name, listed.at, listed.words) == ("n", "22:05", asked.words)


@settings(max_examples=30)
@given(WORDS, VARIABLES, FOLDERS)
@example([word.replace("\\", "") for word in NASTY], {"SDQ_HOME": "a b'%$"}, "/prompts of ann/x")
def test_nothing_is_lost_between_here_and_cron(
    words: list[str], variables: dict[str, str], folder: str
) -> None:
    asked = job(words, environment=variables, folder=Path(folder))
    if "\\" in "".join([*words, *variables.values(), folder]):
        with pytest.raises(UsageError, match="backslash"):
            crontab_line(asked)
        return
    line = crontab_line(asked)
    fields, command = read_crontab_line(line)
    assert fields == ["5", "22", "*", "*", "*"]
    shell = read_shell(command)
    assert shell.words == [asked.program, *words]
    assert (shell.environment, shell.folder) == (variables, asked.folder)


@pytest.mark.parametrize(
    "text",
    ["a\nb", "a\tb", "\x1b[31m", "a\x7f", "a\x85b", "\udcff", "\ufffe", "\U0001ffff", "\ufdd0"],
)
def test_what_no_file_can_say_is_refused(text: str) -> None:
    for where in ({"words": [text]}, {"words": [], "folder": Path("/", text)},
                  {"words": [], "environment": {"TZ": text}}):  # fmt: skip
        with pytest.raises(UsageError, match="line end or another character"):
            job(**where)  # type: ignore[arg-type]


@pytest.mark.parametrize("folder", ["/prompts ", "/prompts\\", "/prompts\u3000"])
def test_a_folder_that_systemd_would_read_otherwise_is_refused(folder: str) -> None:
    with pytest.raises(UsageError, match="because of how the name ends"):
        units(job(["submit"], folder=Path(folder)))


def test_a_line_longer_than_cron_reads_is_refused() -> None:
    assert crontab_line(job(["--prompt", "é" * 400]))
    with pytest.raises(UsageError, match="longer than the 998 bytes"):
        crontab_line(job(["--prompt", "é" * 500]))


def test_a_worker_is_kept_running_but_not_at_any_cost() -> None:
    worker = job(["worker", "--hours", "22:00-07:00"], at=None, name="worker", folder=None)
    _, document = read_plist(plist(worker, LOGS))
    assert document["RunAtLoad"] is True
    assert document["KeepAlive"] == {"SuccessfulExit": False}
    assert document["ThrottleInterval"] >= 60
    assert document["StandardErrorPath"] == "/home/ann/Library/Logs/sdq/worker.err.log"
    assert "WorkingDirectory" not in document
    _, lines = read_unit(units(worker)["sdq-worker.service"])
    assert lines["Restart"] == ["on-failure"]
    assert lines["SuccessExitStatus"] == ["3"]
    assert lines["RestartPreventExitStatus"] == ["2 65 78"]
    assert lines["KillMode"] == ["process"]


def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    nasty = [*NASTY, "é日本🎈", "${x}", ";"]
    folder = tmp_path / "a % b"
    folder.mkdir()
    jobs = (
        Job(name="worker", program="/bin/true", words=("worker",), environment={"TZ": 'a"b %n'}),
        Job(name="schedule-n", program="/bin/true", words=tuple(nasty), environment={}, folder=folder, at=time(2, 30)),
    )  # fmt: skip
    files = [tmp_path / name for one in jobs for name in units(one)]
    for one in jobs:
        for name, text in units(one).items():
            (tmp_path / name).write_text(text)
    result = subprocess.run(
        [analyze, "verify", "--user", *files],
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (0, "")
