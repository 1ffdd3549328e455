"""Every command with its streams closed, dead, full or in another encoding, and questions nobody can answer."""

from __future__ import annotations

import os
import pty
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sdq.cli import cli
from tests.acceptance.program import SDQ, Program
from tests.translations import with_translations

#: Command -> arguments with which it ends soon; every command must be here. Several that change nothing share a place.
COMMANDS: dict[str, list[list[str]]] = {
    "submit": [["submit", "prompts.txt"], ["submit", "prompts.txt", "--dry-run"]],
    "worker": [["worker", "--burst"], ["worker", "--burst", "--lanes", "original:ALL"]],
    "run": [["run", "prompts.txt", "--steps", "1"]],
    "status ls show logs metrics open web report compare completion redis service schedule": [
        ["status"], ["status", "nothing"], ["ls"], ["ls", "prompts", "-q"], ["show", "prompts"], ["logs", "prompts"],
        ["metrics"], ["open", "nothing"], ["web", "--host", "192.0.2.1"], ["report", "prompts"],
        ["compare", "prompts", "--by", "scheduler"], ["completion", "fish"], ["redis"], ["service", "status"],
        ["schedule", "22:00", "--", "submit", "prompts.txt"],
    ],
    "inspect": [["inspect"]],
    "sheet": [["sheet", "prompts", "sheet.png"]],
    "export": [["export", "prompts", "data", "--format", "imagefolder"], ["export", "prompts", "-", "--format", "csv"]],
    "rerun": [["rerun", "prompts"], ["rerun", "prompts", "--seeds", "+1", "--dry-run"]],
    "retry": [["retry", "prompts"]],
    "cancel": [["cancel", "other"]],
    "move": [["move", "prompts", "--front"]],
    "pause": [["pause", "prompts"]],
    "resume": [["resume", "prompts"]],
    "verify": [["verify"]],
    "prune": [["prune", "prompts"], ["prune"]],
    "bench": [["bench", "nothing"]],
    "models": [["models"], ["models", "verify"], ["models", "remove", "mine"]],
    "doctor": [["doctor", "--no-draw"]],
}  # fmt: skip
CLOSED = ["<&-", ">&- 2>&-", "<&- >&- 2>&-"]
#: What reads prompts, draws or asks is tried with each stream closed, all else with all of them.
ONE_BY_ONE = (
    ["submit", "prompts.txt"],
    ["run", "prompts.txt", "--steps", "1"],
    ["prune", "prompts"],
)


def test_no_command_is_forgotten() -> None:
    assert set(" ".join(COMMANDS).split()) == set(cli.commands) | set(cli.list_commands(None))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, translations: Path) -> Path:
    """A folder with a prompt file and a data folder in which it is drawn; moved aside, to be copied back."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "prompts.txt").write_text("a red house\n")
    program = Program(with_translations(folder / "home", translations))
    program.call("run", str(folder / "prompts.txt"), "--steps", "1")
    program.close()
    (program.home / "models" / "mine_original_packages").mkdir(parents=True)
    return folder.rename(folder.with_suffix(".kept"))


@pytest.fixture
def busy(finished: Path, translations: Path) -> Iterator[Program]:
    """An `sdq` with a finished batch and a model's folder, and its prompt file beside its data folder."""
    folder = finished.with_suffix("")
    shutil.copytree(finished, folder, ignore=shutil.ignore_patterns("cache", "redis"))
    program = Program(with_translations(folder / "home", translations))
    program.redis.ensure_running()
    yield program
    program.close()
    shutil.rmtree(folder)


def ended(program: Program, arguments: list[str], redirections: str) -> int:
    """Run a command in a shell and return its exit code; what it said must be no bug's."""
    line = f"exec {shlex.join([str(SDQ), *arguments])}"
    result = subprocess.run(
        ["sh", "-c", f"{line} {redirections}"],
        env=program.environment, cwd=program.home.parent, capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert "unexpected" not in result.stderr, (arguments, redirections, result.stderr)
    assert "Traceback" not in result.stderr, (arguments, redirections, result.stderr)
    return result.returncode


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("command", COMMANDS)
def test_streams_that_are_closed_full_or_dead_end_no_command(
    command: str, busy: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(busy.home.parent)
    for number, arguments in enumerate(COMMANDS[command]):
        usual = busy.answer(*arguments).returncode
        each = arguments in ONE_BY_ONE
        for redirections in CLOSED if each else CLOSED[-1:]:
            assert ended(busy, arguments, redirections) == usual, (arguments, redirections)
        # A full or dead output only shows in the exit code. One place in the program looks at both, so each command
        # but those that share a place is tried with one, and each second of these.
        if each or number % 4 == 0:
            assert ended(busy, arguments, ">/dev/full 2>/dev/full") in {usual, usual or 74}
        if each or number % 4 == 2:
            assert dead_end(busy, arguments) in {usual, usual or 1}, arguments


def dead_end(program: Program, arguments: list[str]) -> int:
    """Run a command whose outputs nobody reads any more; return its exit code."""
    read, write = os.pipe()
    os.close(read)
    result = subprocess.run(
        [SDQ, *arguments], env=program.environment, cwd=program.home.parent,
        stdin=subprocess.DEVNULL, stdout=write, stderr=write, timeout=90, check=False,
    )  # fmt: skip
    os.close(write)
    return result.returncode


def test_prune_goes_on_when_nobody_listens(busy: Program) -> None:
    busy.call("run", str(busy.home.parent / "prompts.txt"), "--steps", "1", "--batch", "second")
    code = ended(busy, ["prune", "prompts", "second", "--yes"], ">/dev/full 2>&1")
    assert code == 74
    assert busy.call("status").stdout.startswith("No batches yet")
    assert not list((busy.home / "outputs").rglob("*.png"))


def test_an_encoding_without_the_letters_shows_escapes(program: Program) -> None:
    command = ["submit", "--prompt", "x", "--batch", "日本é", "--dry-run"]
    for encoding, shown in (("ascii", r"\u65e5\u672c\xe9"), ("latin-1", r"\u65e5\u672cé")):
        said = subprocess.run(
            [SDQ, *command],
            env=program.environment | {"PYTHONIOENCODING": encoding},
            capture_output=True, check=True,
        ).stdout  # fmt: skip
        assert shown in said.decode(encoding)


def test_the_posix_locale_names_files_as_any_other(program: Program, tmp_path: Path) -> None:
    posix = {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    (tmp_path / "häuser.txt").write_text("a red house\n")
    program.run("submit", str(tmp_path / "häuser.txt"), **posix)
    assert "häuser" in program.call("ls").stdout
    # An interpreter that ignores its environment, too.
    python = [SDQ.with_name("python"), "-E", "-m", "sdq"]
    said = subprocess.run(
        [*python, "ls"], env=program.environment | posix, capture_output=True, check=True
    )
    assert "häuser" in said.stdout.decode()


def test_a_status_that_is_watched_ends_with_its_reader(program: Program) -> None:
    program.call("submit", "--prompt", "x")
    watching = subprocess.Popen(
        [SDQ, "status", "--watch"], env=program.environment, stdout=subprocess.PIPE
    )
    assert watching.stdout is not None
    watching.stdout.readline()
    watching.stdout.close()
    assert watching.wait(timeout=30) == 1


@pytest.mark.parametrize("arguments", [["prune", "prompts"], ["models", "remove", "mine"]])
def test_a_question_without_a_terminal_names_its_option(
    arguments: list[str], busy: Program
) -> None:
    for redirections in ("</dev/null", "<&-", "<prompts.txt"):
        assert ended(busy, arguments, redirections) == 2
    assert "Add --yes" in busy.call(*arguments, code=2).stderr
    assert busy.drawn("prompts")
    assert (busy.home / "models" / "mine_original_packages").is_dir()


@pytest.mark.parametrize(
    ("answer", "code"), [(b"n\n", 1), (b"\x04", 1), (b"\x03", 130), (b"y\n", 0)]
)
def test_a_terminal_is_asked(answer: bytes, code: int, busy: Program) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(SDQ, [str(SDQ), "prune", "prompts"], busy.environment)
    said = b""
    while b"[y/N]" not in said:
        said += os.read(terminal, 1000)
    os.write(terminal, answer)
    deadline, again_at = time.monotonic() + 60, time.monotonic() + 2
    while (done := os.waitpid(pid, os.WNOHANG))[0] == 0 and time.monotonic() < deadline:
        time.sleep(0.05)
        if answer == b"\x03" and time.monotonic() > again_at:
            # Python notices a signal that comes just before it waits for a key only with the next one.
            again_at = deadline
            os.write(terminal, answer)
    os.close(terminal)
    assert done[0] == pid, f"{answer!r} did not end it; it said {said!r}"
    assert os.waitstatus_to_exitcode(done[1]) == code, said
    assert bool(busy.drawn("prompts") if code else False) == bool(code)


def test_a_dry_run_makes_no_folder(new_program: Program) -> None:
    new_program.call("submit", "--prompt", "x", "--dry-run")
    new_program.call("prune", "--dry-run")
    new_program.call("prune", "--dry-run", "--older-than", "1")
    new_program.call("prune", "--dry-run", "nothing", code=66)
    assert not new_program.home.exists()


def test_without_any_home_folder_the_setting_is_named(program: Program, tmp_path: Path) -> None:
    # As of a user whom no passwd file knows.
    nobody = "import os; os.getuid = lambda: 54321; import sdq.cli; sdq.cli.main()"
    for command in ("status", "doctor"):
        environment = program.environment
        for name in ("SDQ_HOME", "HOME"):
            environment.pop(name, None)
        result = subprocess.run(
            [SDQ, command], env=environment | {"HOME": ""},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (result.returncode, "SDQ_HOME" in result.stderr) == (78, True)
        result = subprocess.run(
            [SDQ.with_name("python"), "-c", nobody, command], env=environment,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (result.returncode, "SDQ_HOME" in result.stderr) == (78, True), result.stderr


def test_a_current_folder_that_is_gone_matters_only_to_relative_paths(
    program: Program, tmp_path: Path
) -> None:
    line = f"cd {tmp_path} && mkdir gone && cd gone && rmdir ../gone && exec {SDQ}"
    for command, code in (("status", 0), ("status --home here", 78), ("submit x.txt", 66)):
        result = subprocess.run(
            ["sh", "-c", f"{line} {command}"],
            env=program.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert result.returncode == code, result.stderr
