"""`sdq submit` and its ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from db.connection import Database
from db.ledger import Ledger
from sdq.cli import main
from tests.core.commands import Commands
from tests.core.small_ledger import submit
from tests.core.small_packages import DEMO


def test_one_submit_opens_its_ledger_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Ledger.open(f"sqlite:///{tmp_path / 'sdq.db'}") as ledger:
        submit(ledger, "a boat")
    opened: list[Database] = []
    open_database = Database.__init__

    def counted(database: Database, *args: Any, **options: Any) -> None:
        opened.append(database)
        open_database(database, *args, **options)

    monkeypatch.setattr(Database, "__init__", counted)
    arguments = ["submit", "--prompt", "a boat", "--dry-run", "--home", str(tmp_path)]
    monkeypatch.setattr("sys.argv", ["sdq", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert "Batch prompt: " in capsys.readouterr().out
    assert len(opened) == 1


@pytest.mark.parametrize(
    ("option", "written", "says"),
    [
        ("--steps", "30.0", ""),
        ("--steps", "\u0663\u0660", ""),
        ("--steps", "7,5", ""),
        ("--cfg-scale", "7,5", "'7,5' may be one number or two; write 7.5 or 7.0,5.0"),
        ("--cfg-scale", "nan", "guidance_scale is 'nan', which is not a number"),
        ("--steps", "\u22121", "num_inference_steps is -1; use 1 to 1000"),
    ],
)
def test_numbers_are_read_as_in_prompt_files(
    option: str, written: str, says: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    arguments = [
        "submit",
        "--prompt",
        "a boat",
        option,
        written,
        "--dry-run",
        "--home",
        str(tmp_path),
    ]
    monkeypatch.setattr("sys.argv", ["sdq", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert bool(ended.value.code) == bool(says)
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-steps", "30"], "'-steps' begins with one hyphen. Write --steps."),
        (["-dry-run"], "Did you mean '--dry-run'?"),
        (["--ar", "16:9"], "'--ar' is an option of Midjourney, not of sdq. Remove it."),
        (["--batch_size", "2"], "of AUTOMATIC1111's script, not of sdq. Write --seed-range."),
        (["--sampler", "Euler a"], "Did you mean '--scheduler'?"),
        (["--cfg", "7"], "Did you mean '--cfg-scale'?"),
        (["--xyz"], "No such option '--xyz'.\n"),
        (["--seed", ""], "--seed names no seeds"),
        (["--init-image", ""], "--init-image names nothing"),
        ([""], "The name of a prompt file is empty"),
    ],
)
def test_an_option_that_is_not_there_is_called_by_what_it_is(
    arguments: list[str], says: str, sdq: Commands
) -> None:
    assert says in sdq("submit", "--prompt", "a boat", *arguments, code=2).err


def test_a_file_in_the_data_folders_place_is_named(sdq: Commands) -> None:
    sdq.home.write_text("")
    for command in (
        ["status"],
        ["submit", "--prompt", "x"],
        ["submit", "--prompt", "x", "--dry-run"],
    ):
        assert f"The data folder {sdq.home} is not a folder" in sdq(*command, code=73).err


def test_a_file_that_is_named_twice_is_no_grid(sdq: Commands, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a boat\n")
    file = str(tmp_path / "a.txt")
    assert "combinations" not in sdq("submit", file, file, "--dry-run").out


def test_a_model_of_the_current_folder_is_known_by_its_whole_path(
    sdq: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").symlink_to(DEMO)
    (tmp_path / "a.jsonl").write_text('{"prompt": "a boat", "model": "mine"}')
    monkeypatch.chdir(tmp_path)
    sdq("submit", "a.jsonl", "--prompt", "a house", "--model", "mine")
    sdq("submit", "--prompt", "a tent", "--model", "demo")
    with sdq.ledger() as ledger:
        models = [variant.model for variant in ledger.variants.known().values()]
    assert sorted(models) == [str(tmp_path / "mine"), "demo"]
