"""What `sdq service` and `sdq schedule` print, check and refuse. Nothing here is installed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sdq_core.printable import quote
from tests.acceptance.program import SDQ
from tests.core.commands import Commands
from tests.service.reading import read_crontab_line, read_plist, read_shell, read_unit

SECRET = "redis://:s3cret@queues:6379/0"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a prompt file."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    (here / "prompts.txt").write_text("a red house\n")
    (here / "w").mkdir()
    return here


def test_the_worker_is_written_down_with_whole_paths_and_settings(
    sdq: Commands, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SDQ_OUTPUTS", "pictures")
    monkeypatch.setenv("SDQ_DATABASE_URL", "sqlite:///own.db")
    monkeypatch.setenv("HF_TOKEN", "hf_s3cret")
    options = ("--hours", "22:00-07:00", "--no-metadata", "--home", "data", "--", "-q")
    unit, _ = read_unit(sdq("service", "install", "--print", "--for", "systemd", *options).out)
    assert unit.words == [str(SDQ), "worker", "--hours", "22:00-07:00", "--no-metadata", "--quiet"]
    path = unit.environment.pop("PATH").split(":")
    assert {"/usr/bin", "/bin", str(SDQ.parent)} <= set(path)
    assert unit.environment == {
        "SDQ_HOME": str(folder / "data"),
        "SDQ_OUTPUTS": str(folder / "pictures"),
        "SDQ_DATABASE_URL": f"sqlite:///{folder}/own.db",
    }
    agent, _ = read_plist(
        sdq("service", "install", "--print", "--for", "launchd", *options).out.encode()
    )
    assert agent.words[:-2] == unit.words
    assert agent.words[-2] == "--log-file"
    assert agent.words[-1].endswith("/Library/Logs/sdq/worker.log")
    assert not (folder / "data").exists()


def test_a_command_is_written_down_for_each_system(sdq: Commands, folder: Path) -> None:
    line = ("--", "submit", "--batch", "nightly-{date}", "prompts.txt", "--seed", "0-3", "--wildcards", "w",
            "--dynamic", "random", "--model", "demo")  # fmt: skip
    words = [
        str(SDQ), "submit", str(folder / "prompts.txt"), "--seed-range", "0-3", "--model", "demo", "--batch",
        "nightly-{date}", "--dynamic", "random", "--wildcards", str(folder / "w"),
    ]  # fmt: skip
    said = sdq("schedule", "22:05", "--for", "systemd", *line, code=0).out
    head, service, timer = said.partition("# /")[2].partition("\n")[2].partition("\n# /")
    unit, _ = read_unit(head)
    assert service
    assert "OnCalendar=*-*-* 22:05:00" in timer
    shell = read_shell(read_crontab_line(sdq("schedule", "22:05", "--cron", *line).out.strip())[1])
    agent, _ = read_plist(sdq("schedule", "22:05", "--for", "launchd", *line).out.encode())
    for started in (unit, shell, agent):
        assert sorted(started.words) == sorted(words)
        assert started.folder == folder
        assert started.environment["SDQ_HOME"] == str(sdq.home)
    assert not sdq.home.exists()


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (("submit", "prompts.txt", "--batch", "nightly-{date}"), "nightly"),
        (("run", "prompts.txt"), "prompts"),
        (("submit", "--prompt", "a tree"), "submit"),
        (("report", "--since", "22:00"), "report"),
        (("submit", "--prompt", "a", "--batch", "Zürich 日本"), "Z-rich"),
        (("submit", "--prompt", "a", "--batch", "{date}"), "submit"),
        (("models", "verify"), "verify"),
        (
            ("submit", "--name", "other", "--prompt", "a"),
            "other",
        ),  # without --, each takes what it knows
    ],
)
def test_a_schedule_is_named_after_what_it_runs(
    line: tuple[str, ...], name: str, sdq: Commands, folder: Path
) -> None:
    dashes = [] if "--name" in line else ["--"]
    said = sdq("schedule", "6:30", "--for", "systemd", *dashes, *line).out
    assert f"sdq-schedule-{name}.timer" in said


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["schedule", "7 am", "--", "submit", "prompts.txt"], 2, "'7 am' is not a time of day: write 07:00"),
        (["schedule", "22:00:30", "--", "submit", "prompts.txt"], 2, "not a time of day"),
        (["schedule", "22:00", "--", "submit", "missing.txt"], 66, "missing.txt does not exist"),
        (["schedule", "22:00", "--", "submit", "prompts.txt", "--model", "sdxl"], 66, "There is no model 'sdxl'"),
        (["schedule", "22:00", "--", "submit", "prompts.txt", "--steps", "0"], 65, "steps"),
        (["schedule", "22:00", "--", "submit", "prompts.txt", "--batch", "n-{day}"], 2, "Only {date} and {time}"),
        (["schedule", "22:00", "--", "submit", "-"], 2, "name a file instead of -"),
        (["schedule", "22:00", "--", "submit", "prompts.txt", "--redis-url", SECRET], 78, "Write it as redis_url into"),
        (["schedule", "22:00", "--", "submit", "--prompt", SECRET], 78, "holds a password"),
        (["schedule", "22:00", "--", "submit", "--prompt", "a\nb"], 2, "line end"),
        (["schedule", "22:00", "--cron", "--", "submit", "--prompt", "a\\b"], 2, "backslash"),
        (["schedule", "22:00", "--", "run", "prompts.txt", "--until", "25:00"], 2, "'25:00' is not a time of day"),
        (["schedule", "22:00", "--", "worker"], 2, "a worker would begin that never ends"),
        (["schedule", "22:00", "--", "subimt"], 2, "Did you mean 'submit'?"),
        (["schedule", "22:00", "--", "models"], 2, "Name the command"),
        (["schedule", "22:00", "--name", "a/b", "--", "submit", "prompts.txt"], 2, "'a/b' cannot be the name"),
        (["schedule", "22:00", "--instal", "--", "submit", "prompts.txt"], 2, "no option '--instal'"),
        (["schedule", "22:00"], 2, "Give a time and a command"),
        (["schedule"], 2, "Give a time and a command"),
        (["schedule", "--list", "--remove", "x"], 2, "Give a time and a command"),
        (["schedule", "22:00", "--cron", "--install", "--", "submit", "prompts.txt"], 2, "Use one of"),
        (["service", "install", "--print", "--hours", "22:00-22:00"], 2, "never begin"),
        (["service", "install", "--print", "--hours", "22"], 2, "are not hours"),
        (["service", "install", "--print", "--burst"], 2, "--burst would end the worker"),
        (["service", "install", "--print", "--max-images", "9"], 2, "--max-images would end the worker"),
        (["service", "install", "--print", "--lanes", "nonsense"], 2, "--lanes takes"),
        (["service", "install", "--print", "--recycle-engine", "often"], 2, "'often' is neither"),
        (["service", "install", "--print", "--max-memory", "8Q"], 65, "'8Q' is not an amount of memory"),
        (["service", "install", "--print", "--hour", "22:00-07:00"], 2, "No such option '--hour'"),
        (["service", "install", "--for", "launchd"], 2, "--for is only for --print"),
    ],
)  # fmt: skip
def test_a_mistake_gets_one_sentence_before_anything_is_written(
    arguments: list[str], code: int, says: str, sdq: Commands, folder: Path
) -> None:
    said = sdq(*arguments, code=code)
    assert says in said.err
    assert "s3cret" not in said.err
    assert said.out == ""
    assert not sdq.home.exists()


@pytest.mark.skipif(sys.platform == "darwin", reason="a Mac has launchd")
@pytest.mark.parametrize(
    "arguments",
    [
        ["service", "install"], ["service", "status"], ["service", "uninstall"], ["schedule", "--list"],
        ["schedule", "--remove", "x"], ["schedule", "22:00", "--install", "--", "submit", "--prompt", "x"],
    ],
)  # fmt: skip
def test_where_nothing_starts_programs_a_sentence_says_what_to_do(
    arguments: list[str], sdq: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    said = sdq(*arguments, code=78).err
    assert said.startswith(
        "sdq: Nothing here starts programs by itself: no systemd answers this user"
    )
    assert said.count("\n") == 1
    assert not (tmp_path / "config").exists()


def test_a_secret_variable_is_refused_by_its_name_and_one_without_secret_is_not(
    sdq: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", SECRET)
    said = sdq("service", "install", "--print", code=78).err
    assert said.startswith("sdq: Environment REDIS_URL may hold a password")
    assert "s3cret" not in said
    monkeypatch.setenv("REDIS_URL", "redis://queues:6379/0")
    unit, _ = read_unit(sdq("service", "install", "--print", "--for", "systemd").out)
    assert unit.environment["SDQ_REDIS_URL"] == "redis://queues:6379/0"
    # In sdq.toml it stays where it is.
    monkeypatch.delenv("REDIS_URL")
    sdq.home.mkdir()
    (sdq.home / "sdq.toml").write_text(f"redis_url = {SECRET!r}\n")
    unit, _ = read_unit(sdq("service", "install", "--print", "--for", "systemd").out)
    assert set(unit.environment) == {"PATH", "SDQ_HOME"}


def test_a_folder_that_is_gone_cannot_be_scheduled_in(
    sdq: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    said = sdq("schedule", "22:00", "--cron", "--", "submit", "--prompt", "x", code=78).err
    assert f"so {quote('.')} is nowhere" in said
