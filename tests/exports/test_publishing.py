"""The card and the upload, from the command line."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from db.ledger import Ledger
from tests.acceptance.program import Program
from tests.exports.drawn import draw
from tests.exports.upload_hub import UploadHub


@pytest.fixture
def sdq(tmp_path: Path) -> Iterator[Program]:
    """An `sdq` with a batch of six images, drawn without a model."""
    program = Program(tmp_path / "home")
    program.home.mkdir()
    with Ledger.open(f"sqlite:///{program.home / 'sdq.db'}") as ledger:
        draw(ledger, program.home / "outputs", "night", ["a boat", "the sea at night"], range(3))
    yield program
    program.close()


def test_an_export_is_pushed_with_its_card_and_grows(
    sdq: Program,
    hub: UploadHub,
    tmp_path: Path,
) -> None:
    out = tmp_path / "data"
    command = ("export", "night", str(out), "--format", "webdataset", "--shard-samples", "4")
    push = ("--push", "me/night", "--private", "--license", "cc0-1.0")
    said = sdq.call(*command, *push, HF_TOKEN="hf_test")
    assert said.stdout.splitlines() == [
        f"{out}: 6 images added.",
        f"It is at {hub.url}/datasets/me/night",
    ]
    there = hub.repositories["me/night"]
    assert sorted(there) == [
        "README.md",
        "card/words-of-the-prompt.svg",
        "train-000000.tar",
        "train-000001.tar",
    ]
    assert b"pretty_name: data\n" in there["README.md"]
    assert b"license: cc0-1.0\n" in there["README.md"]

    with Ledger.open(f"sqlite:///{sdq.home / 'sdq.db'}") as ledger:
        draw(ledger, sdq.home / "outputs", "more", ["a tent"], range(2))
    told = sdq.call(
        "export", "night", "more", *command[2:], "--push", "me/night", "--json", HF_TOKEN="hf_test"
    )
    facts = json.loads(told.stdout)
    assert (facts["added"], facts["samples"], facts["parts"]) == (2, 8, 3)
    assert facts["pushed"] == f"{hub.url}/datasets/me/night"
    assert [len(paths) for paths in hub.commits] == [2, 2, 1, 2]
    assert b"license: cc0-1.0\n" in there["README.md"]


def test_a_readme_of_the_users_is_left_alone_and_named(sdq: Program, tmp_path: Path) -> None:
    out = tmp_path / "data"
    command = ("export", "night", str(out), "--format", "webdataset")
    sdq.call(*command)
    (out / "README.md").write_text("mine")
    said = sdq.call(*command)
    assert f"{out / 'README.md'} is not sdq's" in said.stderr
    assert (out / "README.md").read_text() == "mine"


def test_the_card_names_the_conditions_by_which_its_images_were_chosen(
    sdq: Program, tmp_path: Path
) -> None:
    command = ("export", "night", str(tmp_path / "data"), "--format", "webdataset")
    readme = tmp_path / "data" / "README.md"
    sdq.call(*command, "--where", "seed = 0")
    assert "for which this holds: seed = 0." in readme.read_text()
    sdq.call(*command, "--where", "seed > 0", "--where", "entry = 2")
    assert "holds: seed = 0 or (seed &#62; 0) and (entry = 2)." in readme.read_text()
    sdq.call(*command)
    assert "Left out" not in readme.read_text()


def test_a_batch_without_a_place_to_go_lacks_the_place(sdq: Program) -> None:
    for command in ("export", "sheet"):
        assert "Missing argument 'OUT'" in sdq.call(command, "night", code=2).stderr


def test_parquet_without_pyarrow_says_what_to_install(
    sdq: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    said = sdq.call("export", "night", str(tmp_path / "data"), "--format", "parquet", code=78)
    assert "Run `pip install 'sdq[dataset]'`." in said.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--format", "webdataset", "--private"], "--private is for --push."),
        (["--format", "webdataset", "--license", "My own"], "the Hub's name of a licence"),
        (["--format", "webdataset", "--push", "night"], "Write it as OWNER/NAME."),
        (["--format", "webdataset", "--push", "me/my night"], "Write it as OWNER/NAME."),
        (["--format", "webdataset", "--shard-size", "10 potatoes"], "such as 500MB"),
        (["--format", "webdataset", "--shard-size", "0MB"], "such as 500MB"),
        (["--format", "imagefolder", "--shard-size", "1GB"], "are for webdataset and parquet"),
        (["--format", "csv", "--push", "me/night"], "--push is for folders of images"),
        (["--format", "csv", "--license", "mit"], "--license is for folders of images"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    sdq: Program, tmp_path: Path, options: list[str], says: str
) -> None:
    said = sdq.call("export", "night", str(tmp_path / "data"), *options, code=2)
    assert says in said.stderr
    assert not (tmp_path / "data").exists()
