"""What shells are offered at TAB, and what offering it costs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from db.ledger import Ledger
from tests.acceptance.program import SDQ
from tests.core.commands import Commands
from tests.core.small_packages import DEMO
from tests.ledger.plans import plan

#: Each of these takes longer to import than all that completing does.
NOT_NEEDED = ("rich", "rq", "redis", "alembic", "numpy", "PIL", "sqlalchemy")

Offered = Callable[..., list[str]]


@pytest.fixture
def known(sdq: Commands) -> Commands:
    with sdq.ledger() as ledger:
        for name in ("nightly", "nightly-2", "Zürich", "with blanks", "$(rm)", "a,b", "日本"):
            ledger.submissions.add(plan([name], [0], name=name))
    return sdq


@pytest.fixture
def offered(sdq: Commands, monkeypatch: pytest.MonkeyPatch) -> Offered:
    """Ask for what completes a line, as a shell does."""

    def offer(line: str, shell: str = "bash") -> list[str]:
        words = line.split(" ")
        monkeypatch.setenv("_SDQ_COMPLETE", f"{shell}_complete")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", words[-1] if shell == "fish" else str(len(words) - 1))
        return list(filter(None, sdq().out.splitlines()))

    return offer


def test_batches_are_offered_wherever_one_is_named(known: Commands, offered: Offered) -> None:
    everything = ["plain,日本", "plain,Zürich", "plain,nightly-2", "plain,nightly"]
    assert offered("sdq status ") == everything
    for command in ("show", "logs", "open", "sheet", "retry", "cancel", "pause", "resume", "verify",
                    "prune", "prune nightly", "inspect", "export", "export nightly", "rerun", "rerun --batch",
                    "submit --batch", "run --batch", "ls"):  # fmt: skip
        assert offered(f"sdq {command} ni") == ["plain,nightly-2", "plain,nightly"], command
    assert offered("sdq status Zu\u0308") == ["plain,Zürich"]
    assert offered("sdq status ni", "zsh") == ["plain", "nightly-2", "_", "plain", "nightly", "_"]
    assert offered("sdq status ni", "fish") == ["plain,nightly-2", "plain,nightly"]


def test_batches_of_any_ledger_are_offered(ledger_url: str, offered: Offered) -> None:
    asked = f"sdq status --database-url {ledger_url} ni"
    assert offered(asked) == []
    with Ledger.open(ledger_url) as ledger:
        ledger.submissions.add(plan(["a"], [0], name="nightly"))
    assert offered(asked) == ["plain,nightly"]


def test_models_files_and_words_are_offered(known: Commands, offered: Offered) -> None:
    models = known.home / "models"
    models.mkdir(parents=True)
    (models / "mine").symlink_to(DEMO / "original")
    assert offered("sdq submit --model ") == ["plain,demo", "plain,demo-turbo", "plain,mine"]
    assert offered("sdq bench m") == ["plain,mine"]
    assert offered("sdq models verify demo-") == ["plain,demo-turbo", "plain,demo-edges"]
    assert offered("sdq submit --model /t") == ["dir,/t"]
    assert offered("sdq submit pro") == ["file,pro"]
    assert offered("sdq show pro") == ["file,pro"]
    assert offered("sdq run --variant original,split_einsum_") == ["plain,original,split_einsum_v2"]
    assert offered("sdq run --compute-unit cpu_o") == ["plain,CPU_ONLY"]
    assert offered("sdq ls night --columns seed,cus") == ["plain,seed,custom_id"]
    assert offered("sdq ls night --sort seed,-fin") == ["plain,seed,-finished_at"]


def test_commands_are_offered_with_their_help(offered: Offered) -> None:
    assert offered("sdq lo", "zsh") == ["plain", "logs", "Show what happened to a batch."]
    assert "plain,pull" in offered("sdq models ")
    assert "plain,--dry-run" in offered("sdq submit --dr")


@pytest.mark.parametrize(
    "url", ["postgresql://127.0.0.1:1/x", "sqlite:////nowhere/x.db", "nonsense"]
)
def test_trouble_offers_nothing_and_says_nothing(url: str, sdq: Commands, offered: Offered) -> None:
    assert offered(f"sdq status --database-url {url} ") == []
    sdq.home.mkdir()
    (sdq.home / "sdq.db").write_text("no database" * 1000)
    assert offered("sdq status ") == []
    (sdq.home / "sdq.toml").write_text("model = ")
    assert offered("sdq status ") == offered("sdq submit --model ") == []


def test_offering_makes_no_data_folder(sdq: Commands, offered: Offered) -> None:
    assert offered("sdq status ") == []
    assert offered("sdq submit --model ") == ["plain,demo", "plain,demo-turbo"]
    assert not sdq.home.exists()


def test_offering_imports_no_more_than_it_needs(known: Commands) -> None:
    program = (
        "import atexit, sys; from sdq.cli import main; "
        f"atexit.register(lambda: print(*(n for n in {NOT_NEEDED!r} if n in sys.modules), file=sys.stderr)); "
        "main()"
    )
    for line in ("sdq status ", "sdq submit --model ", "sdq ls x --sort see"):
        asked = {"COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
        result = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, **asked, "_SDQ_COMPLETE": "bash_complete"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert result.stdout.startswith("plain,")
        assert result.stderr.strip() == ""


def test_bash_completes_with_the_printed_script(known: Commands) -> None:
    script = (
        f'PATH={SDQ.parent}:$PATH; eval "$(sdq completion bash)"; COMP_WORDS=(sdq logs ni); COMP_CWORD=2; '
        '_sdq_completion sdq; echo "${COMPREPLY[@]}"'
    )
    bash = shutil.which("bash")
    assert bash
    result = subprocess.run(
        [bash, "--norc", "-c", script], capture_output=True, text=True, check=False
    )
    assert (result.stdout, result.stderr) == ("nightly-2 nightly\n", "")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_a_script_is_what_its_shell_takes(shell: str, sdq: Commands, tmp_path: Path) -> None:
    script = sdq("completion", shell).out
    assert f"_SDQ_COMPLETE={shell}_complete" in script
    if program := shutil.which(shell):
        (tmp_path / "script").write_text(script)
        assert subprocess.run([program, "-n", tmp_path / "script"], check=False).returncode == 0


def test_another_shell_is_refused(sdq: Commands) -> None:
    assert "'tcsh' is not one of" in sdq("completion", "tcsh", code=2).err
