"""Pushing a data set, by the real client to a Hub on loopback."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from sdq.exports.push import push
from sdq_core.errors import SdqError
from tests.exports.upload_hub import UploadHub

constants = pytest.importorskip("huggingface_hub.constants")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    (folder / "card").mkdir(parents=True)
    for number in range(3):
        (folder / f"train-{number:06d}.tar").write_bytes(b"%d" % number * 5000)
    (folder / "card" / "words.svg").write_text("<svg/>")
    (folder / "README.md").write_text("---\npretty_name: x\n---\n")
    (folder / ".sdq-export.db").write_bytes(b"index")
    return folder


SHARDS = ["train-000000.tar", "train-000001.tar", "train-000002.tar"]


def problem(folder: Path, repository: str = "me/night") -> SdqError:
    with pytest.raises(SdqError) as raised:
        push(folder, repository)
    return raised.value


def test_a_push_creates_the_repository_and_ends_with_the_card(hub: UploadHub, folder: Path) -> None:
    pushed = push(folder, "me/night", private=True)
    assert pushed.address == f"{hub.url}/datasets/me/night"
    assert hub.private == {"me/night": True}
    assert [sorted(paths) for paths in hub.commits] == [SHARDS, ["README.md", "card/words.svg"]]
    there = hub.repositories["me/night"]
    assert there == {path: (folder / path).read_bytes() for path in there}


def test_what_the_hub_has_is_not_sent_again(hub: UploadHub, folder: Path) -> None:
    push(folder, "me/night")
    push(folder, "me/night")
    assert len(hub.sent) == 3
    assert len(hub.commits) == 2
    (folder / "train-000003.tar").write_bytes(b"new")
    push(folder, "me/night")
    assert len(hub.sent) == 4
    assert hub.commits[2:] == [["train-000003.tar"]]


def test_what_is_the_same_is_not_committed_again_by_the_streaming_client(
    hub: UploadHub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where hf_xet is installed, huggingface_hub uploads by other code. Its storage cannot be had here; the rest can.
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", False)
    hub.has_lfs = False
    push(folder, "me/night")
    push(folder, "me/night")
    assert [sorted(paths) for paths in hub.commits] == [SHARDS, ["README.md", "card/words.svg"]]


def test_an_interrupted_push_goes_on(hub: UploadHub, folder: Path) -> None:
    hub.uploads_left = 2
    said = problem(folder)
    assert said.exit_code == 78
    assert hub.commits == []
    assert len(hub.sent) == 2
    hub.uploads_left = None
    push(folder, "me/night")
    assert len(hub.sent) == len(set(hub.sent)) == 3
    assert sorted(hub.repositories["me/night"]) == ["README.md", "card/words.svg", *SHARDS]


def test_a_card_that_was_changed_on_the_hub_stays(hub: UploadHub, folder: Path) -> None:
    push(folder, "me/night")
    (folder / "README.md").write_text("ours, grown")
    assert not push(folder, "me/night").card_stayed
    assert hub.repositories["me/night"]["README.md"] == b"ours, grown"
    (folder / ".sdq-push.json").unlink()
    assert not push(folder, "me/night").card_stayed
    hub.repositories["me/night"]["README.md"] = b"theirs"
    (folder / "train-000003.tar").write_bytes(b"new")
    assert push(folder, "me/night").card_stayed
    assert hub.repositories["me/night"]["README.md"] == b"theirs"
    assert "train-000003.tar" in hub.repositories["me/night"]


@pytest.mark.parametrize(
    ("status", "sentence", "code", "says"),
    [
        (401, "Invalid username or password.", 78, "does not accept your token for me/night"),
        (403, "You don't have the rights to create a dataset", 78, "You may not write to me/night"),
        (403, "Private repository storage limit reached", 74, "The Hub has no room for me/night"),
        (400, "Name is reserved", 65, "It says: Name is reserved."),
    ],
)
def test_a_refusal_says_what_to_do(
    hub: UploadHub, folder: Path, status: int, sentence: str, code: int, says: str
) -> None:
    hub.refusal = (status, sentence)
    error = problem(folder)
    assert error.exit_code == code
    assert says in str(error)
    assert sentence.rstrip(".") in str(error)


def test_without_a_token_or_a_network_nothing_is_tried(
    hub: UploadHub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    error = problem(folder)
    assert error.exit_code == 69
    assert "what the Hub has is not sent again" in str(error)
    monkeypatch.delenv("HF_TOKEN")
    error = problem(folder)
    assert error.exit_code == 78
    assert "hf auth login" in str(error)


def test_a_card_that_the_hub_refuses_is_named(hub: UploadHub, folder: Path) -> None:
    hub.bad_card = '"license" must be one of [apache-2.0, mit]'
    error = problem(folder)
    assert error.exit_code == 65
    assert 'The Hub refuses README.md: "license" must be one of [apache-2.0, mit].' in str(error)
    assert "another --license" in str(error)


@pytest.mark.parametrize("name", ["night", "a/b/c", "me/ni ght", "me/--x"])
def test_what_is_no_name_is_refused(hub: UploadHub, folder: Path, name: str) -> None:
    error = problem(folder, name)
    assert error.exit_code == 2
    assert "Write it as OWNER/NAME." in str(error)
    assert hub.repositories == {}


def test_too_many_files_are_refused_with_a_format_that_helps(
    hub: UploadHub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sdq.exports.push._MOST_IN_FOLDER", 3)
    error = problem(folder)
    assert error.exit_code == 2
    assert f"{folder} has 4 files" in str(error)
    assert "--format webdataset or parquet" in str(error)
    assert hub.repositories == {}


def test_an_old_huggingface_hub_is_named(
    hub: UploadHub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "0.24.6")
    error = problem(folder)
    assert error.exit_code == 78
    assert "here is 0.24.6" in str(error)
