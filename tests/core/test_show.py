"""`sdq show`, `sdq logs` and `sdq open`: all that is known, of what a user has in hand."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from db.ledger import Ledger
from sdq_core.images.encode import encode_image
from sdq_core.images.filing import Filing
from sdq_core.images.metadata import ImageMetadata
from sdq_core.images.root import OutputRoot
from sdq_core.values.image_files import ImageFormat
from tests.core.commands import Commands
from tests.images.image_factory import picture
from tests.ledger.plans import ENGINE, VARIANT, plan, record


@pytest.fixture
def night(sdq: Commands) -> Commands:
    """A batch `Night` of two prompts with three seeds: one image is drawn, one failed, and four are to be drawn."""
    with sdq.ledger() as ledger:
        planned = plan(["a red house", "the sea"], range(3), name="Night")
        entry = replace(planned.entries[0], fields={"custom_id": "h-1", "tags": ["x"]})
        ledger.submissions.add(replace(planned, entries=[entry, planned.entries[1]]))
        draw(sdq, ledger, with_metadata=True)
    return sdq


def draw(sdq: Commands, ledger: Ledger, *, with_metadata: bool) -> None:
    """Draw the first image that is open, and give up the second."""
    slice_ = ledger.work.load_slice(ledger.work.open_slices()[0].id)
    assert slice_ is not None
    engine = replace(ENGINE, variant=VARIANT)
    engine_id = ledger.work.register_engine(engine)
    ledger.work.note_attempts(slice_.recipe_id, [0, 1], engine_id=engine_id, slice_id=slice_.id)
    about = ImageMetadata(recipe=slice_.recipe, seed=0, version="0", provenance={"chip": "M9"})
    filing = slice_.filing
    data = encode_image(picture(), about if with_metadata else None, filing.image_format)
    path = filing.path(slice_.path_facts(0))
    root = OutputRoot(sdq.home / "outputs", home=sdq.home, ledger_id=ledger.id)
    stored = root.store(data, path)
    drawn = replace(
        record(slice_, 0, engine_id), path=path, size_bytes=stored.size_bytes, sha256=stored.sha256
    )
    ledger.work.record_and_go_on(drawn)
    ledger.work.record_failure(
        slice_.recipe_id, 1, slice_id=slice_.id, engine_id=engine_id, error="NaN", final=True
    )


def drawn_file(sdq: Commands) -> Path:
    return next((sdq.home / "outputs").rglob("*.png"))


def facts(text: str) -> dict[str, str]:
    return {
        name: rest.strip() for name, _, rest in (line.partition(" ") for line in text.splitlines())
    }


def test_a_batch_is_shown_with_what_it_asks_for(night: Commands) -> None:
    shown = facts(night("show", "Ni").out)
    assert shown["batch"] == "Night (id 1)"
    assert shown["images"] == "6: 1 done, 4 to draw, 1 failed"
    assert shown["prompts"] == "2, from /here/prompts.txt"
    folder = drawn_file(night).parents[1]
    assert shown["folder"] == str(folder)
    document = night("show", "Ni", "--json").json
    own = document["sdq"]
    assert (own["name"], own["prompts"], own["folder"]) == ("Night", 2, str(folder))
    assert document["request_counts"]["total"] == 6


@pytest.mark.parametrize("name", ["Night/1/0", "N/1/0", "Night/1-0", "N/00001/00001-0.png"])
def test_an_image_has_a_name(night: Commands, name: str) -> None:
    shown = facts(night("show", name).out)
    assert shown["image"] == "Night/1/0"
    assert shown["file"] == str(drawn_file(night))
    assert shown["prompt"] == "a red house"
    assert shown["custom_id"] == "h-1"
    assert shown["time"] == "106 ms (20 steps of 5 ms)"
    document = night("show", name, "--json").json
    assert document["recipe"]["prompt"] == "a red house"
    assert document["file"]["path"] == str(drawn_file(night))
    assert document["engine"]["worker"] == "w"


def test_an_image_that_is_not_there_says_why(night: Commands) -> None:
    assert facts(night("show", "N/1/1").out)["status"].endswith("after 1 attempt: NaN")
    assert night("show", "N/1/1", "--json").json["status"] == "failed"
    assert facts(night("show", "N/2/2").out)["status"] == "not drawn yet"
    assert night("show", "N/2/2", "--json").json["status"] == "queued"
    assert "does not ask for prompt 1 with seed 9" in night("show", "N/1/9", code=66).err
    assert "There is no batch 'X'" in night("show", "X/1/1", code=66).err


def test_a_file_is_known_wherever_it_lies(
    night: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = drawn_file(night)
    copy = tmp_path / "copy.png"
    copy.write_bytes(own.read_bytes())
    monkeypatch.chdir(tmp_path)
    for name in (str(own), str(own.relative_to(night.home / "outputs")), "copy.png"):
        shown = facts(night("show", name).out)
        assert (shown["image"], "changed" in shown) == ("Night/1/0", False)
    assert shown["recorded"] == str(own)
    copy.write_bytes(own.read_bytes() + b"x")
    assert "changed" in facts(night("show", "copy.png").out)
    assert night("show", "copy.png", "--json").json["asked"] == {"path": str(copy), "changed": True}

    elsewhere = night("show", "copy.png", "--home", str(tmp_path / "other"))
    shown = facts(elsewhere.out)
    assert shown["status"].startswith("not in this ledger")
    assert shown["prompt"] == "a red house"
    assert "M9" in elsewhere.out
    assert not (tmp_path / "other").exists()


def test_a_file_without_a_record_is_known_by_its_place(sdq: Commands, tmp_path: Path) -> None:
    with sdq.ledger() as ledger:
        ledger.submissions.add(plan(["a red house"], range(3), name="Night"))
        draw(sdq, ledger, with_metadata=False)
    own = drawn_file(sdq)
    assert facts(sdq("show", str(own)).out)["image"] == "Night/1/0"
    copy = tmp_path / "copy.png"
    copy.write_bytes(own.read_bytes())
    assert "has no sdq record" in sdq("show", str(copy), code=65).err
    copy.write_text("text")
    assert "is not a PNG" in sdq("show", str(copy), code=65).err
    copy.unlink()
    assert "There is no file" in sdq("show", str(copy), code=66).err
    assert "There is no batch" in sdq("show", "\udcff", code=66).err


@pytest.mark.parametrize("with_metadata", [True, False])
def test_a_batch_with_files_of_its_own_kind_is_shown_and_opened(
    sdq: Commands, tmp_path: Path, *, with_metadata: bool
) -> None:
    filing = Filing.make("all/{slug}-{seed}", ImageFormat.JPG, 80)
    with sdq.ledger() as ledger:
        planned = plan(["a red house"], range(3), name="Night")
        ledger.submissions.add(replace(planned, options=filing.to_options()))
        draw(sdq, ledger, with_metadata=with_metadata)
    own = sdq.home / "outputs" / "all" / "a-red-house-0.jpg"
    assert facts(sdq("show", str(own)).out)["image"] == "Night/1/0"
    shown = facts(sdq("show", "Night").out)
    assert shown["files"] == "jpg of quality 80, named all/{slug}-{seed}"
    assert sdq("open", "Night").out == f"{own.parent}\n"
    sdq("sheet", "Night", str(tmp_path / "sheet.png"))
    copy = tmp_path / "copy.jpg"
    copy.write_bytes(own.read_bytes())
    if with_metadata:
        assert facts(sdq("show", str(copy)).out)["image"] == "Night/1/0"
    else:
        assert "has no sdq record" in sdq("show", str(copy), code=65).err


def test_a_log_is_in_the_order_of_time(night: Commands) -> None:
    lines = night("logs", "N").out.splitlines()
    assert "submitted: 6 images in 2 slices, from /here/prompts.txt" in lines[0]
    assert [line[:19] for line in lines[:-1]] == sorted(line[:19] for line in lines[:-1])
    assert any("begun: with demo original on ALL" in line for line in lines)
    assert any("failed: prompt 1 seed 1 after 1 attempt: NaN" in line for line in lines)
    assert lines[-1].startswith("Now it is in_progress: 1 of 6 images done, 1 failed")
    document = night("logs", "N", "--json").json
    assert document["batch"]["sdq"]["name"] == "Night"
    assert {event["event"] for event in document["events"]} >= {"submitted", "begun", "failed"}


def test_a_folder_is_opened_by_what_the_system_has(
    night: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = drawn_file(night).parents[1]
    opener = tmp_path / "bin" / "xdg-open"
    opener.parent.mkdir()
    opener.write_text(f'#!/bin/sh\necho "$1" >> {tmp_path}/opened\nexit $(cat {tmp_path}/code)\n')
    opener.chmod(0o755)
    opened = tmp_path / "opened"
    monkeypatch.setenv("PATH", str(opener.parent), prepend=os.pathsep)
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert night("open", "N").out == f"{folder}\n"
    assert not opened.exists()  # there is no screen

    monkeypatch.setenv("DISPLAY", ":7")
    (tmp_path / "code").write_text("0")
    assert night("open", "N").out == f"{folder}\n"
    assert opened.read_text() == f"{folder}\n"
    (tmp_path / "code").write_text("4")
    assert "could not open" in night("open", "N", code=1).err


def test_a_folder_that_is_not_there_is_not_opened(night: Commands) -> None:
    with night.ledger() as ledger:
        ledger.submissions.add(plan(["x"], [0], name="later"))
    assert "has no finished images yet" in night("open", "later", code=66).err
    drawn_file(night).parents[2].rename(night.home / "away")
    assert "Reconnect its drive" in night("open", "N", code=74).err


def test_a_batch_of_another_batchs_images_opens_that_ones_folder(night: Commands) -> None:
    with night.ledger() as ledger:
        ledger.submissions.add(plan(["a red house"], [0], name="copy"))
    assert night("open", "copy").out == f"{drawn_file(night).parents[1]}\n"


def test_an_opener_that_stays_is_left_alone(
    night: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opener = tmp_path / "open"
    opener.write_text("#!/bin/sh\nsleep 3\n")
    opener.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr("sys.platform", "darwin")
    monkeypatch.setattr("sdq.cli.open._PATIENCE_S", 0.05)
    began = time.monotonic()
    night("open", "N")
    assert time.monotonic() - began < 3
