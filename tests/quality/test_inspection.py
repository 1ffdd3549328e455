"""`sdq inspect`: real files are measured once, look-alikes are found, and what is not as recorded is named."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from db.columns import COLUMNS
from db.ledger import Ledger
from sdq.upkeep import inspection
from sdq.upkeep.inspection import Findings, inspect
from sdq.upkeep.pictures import Unfit
from sdq_core.errors import StorageError
from tests.core.commands import Commands
from tests.quality.scene import Scene, picture_of
from worker.quality.measures import measure


@pytest.fixture
def scene(ledger: Ledger, tmp_path: Path) -> Scene:
    """A batch `night` of three images: the second looks like the first, and the third has one colour."""
    scene = Scene(tmp_path, ledger)
    scene.draw("night", "a", 3)
    return scene


def look(scene: Scene, *names: str) -> Findings:
    found = [scene.ledger.batches.find(name) for name in names]
    return inspect(scene.ledger, scene.root, [one.id for one in found if one] or [None], threads=2)


def columns(scene: Scene, batch: str, name: str) -> list[Any]:
    return [COLUMNS[name].of(image) for image in scene.ledger.batches.images(batch)]


def test_each_image_is_measured_once(scene: Scene) -> None:
    assert len(list(scene.ledger.measures.unmeasured(None))) == 3
    assert columns(scene, "night", "phash") == [None] * 3
    findings = look(scene)
    assert (findings.measured, findings.inspected, findings.clean) == (3, 3, True)
    for image in scene.ledger.batches.images("night"):
        expected = measure(picture_of(image.seed))
        assert {name: COLUMNS[name].of(image) for name in asdict(expected)} == asdict(expected)
    assert len(list(scene.ledger.measures.unmeasured(None))) == 0
    assert look(scene) == Findings(inspected=3, near_duplicates=1, constant=1)


def test_of_those_that_look_alike_the_first_is_kept(scene: Scene) -> None:
    findings = look(scene, "night")
    assert (findings.near_duplicates, findings.constant) == (1, 1)
    first, second, _ = columns(scene, "night", "id")
    assert columns(scene, "night", "near_duplicate_of") == [None, first, None]
    assert first < second


def test_images_are_compared_within_the_batches_that_are_named(scene: Scene) -> None:
    scene.draw("next", "b", 1)
    look(scene, "night")
    assert look(scene, "next").near_duplicates == 0
    assert columns(scene, "next", "near_duplicate_of") == [None]
    both = look(scene, "night", "next")
    assert (both.measured, both.inspected, both.near_duplicates) == (0, 4, 2)
    first = columns(scene, "night", "id")[0]
    assert columns(scene, "next", "near_duplicate_of") == [first]


def test_an_image_of_two_batches_counts_once(scene: Scene) -> None:
    scene.draw("same", "a", 2)
    findings = look(scene, "night", "same")
    assert (findings.measured, findings.inspected, findings.near_duplicates) == (3, 3, 1)


def test_an_image_that_is_removed_is_nobodys_double(scene: Scene) -> None:
    scene.draw("next", "b", 1)
    look(scene)
    assert columns(scene, "next", "near_duplicate_of") != [None]
    batch_id = scene.ledger.upkeep.begin_pruning("night")
    while not scene.ledger.upkeep.prune_page(batch_id).last:
        pass
    assert columns(scene, "next", "near_duplicate_of") == [None]


def test_files_that_are_not_as_recorded_are_named_and_left_without_measures(scene: Scene) -> None:
    scene.file("night/1-0.png").unlink()
    changed = scene.file("night/1-1.png")
    data = bytearray(changed.read_bytes())
    data[-1] ^= 1
    changed.write_bytes(data)
    findings = look(scene)
    assert findings.measured == 1
    assert findings.unfit[Unfit.MISSING] == ["night/1-0.png"]
    assert findings.unfit[Unfit.CHANGED] == ["night/1-1.png"]
    assert columns(scene, "night", "phash")[:2] == [None, None]


def test_a_drive_that_is_absent_is_not_a_thousand_missing_files(scene: Scene) -> None:
    scene.root.path.rename(scene.root.path.with_name("elsewhere"))
    with pytest.raises(StorageError, match="no longer there"):
        look(scene)


def test_an_image_that_is_drawn_again_is_measured_again(scene: Scene) -> None:
    look(scene)
    [first, *_] = scene.ledger.batches.images("night")
    scene.ledger.upkeep.take_back([(first.image.recipe_id, first.seed)])
    scene.draw("night", "a", 3)
    assert len(list(scene.ledger.measures.unmeasured(None))) == 1
    assert look(scene).measured == 1


def test_the_command_says_what_it_found(sdq: Commands) -> None:
    assert sdq("inspect").out == "0 images measured.\n" + (
        "0 near-duplicates and 0 images of one colour among 0 images.\n"
    )
    with sdq.ledger() as ledger:
        Scene(sdq.home, ledger).draw("night", "a", 3)
    lines = sdq("inspect", "ni").out.splitlines()
    assert lines[0].startswith("3 images measured, ")
    assert lines[1:] == ["1 near-duplicate and 1 image of one colour among 3 images."]
    assert sdq("inspect", "-q").out == ""
    found = sdq("inspect", "--again", "--threads", "1", "--json").json
    assert found["seconds"] > 0
    del found["seconds"]
    assert found == {
        "images_measured": 3, "images_inspected": 3, "near_duplicates": 1, "constant": 1,
        "missing": [], "changed": [], "unreadable": [],
    }  # fmt: skip
    remarks = sdq("report", "night").out
    assert "1 image has one colour only." in remarks
    assert "1 image looks like another one, as `sdq inspect` found." in remarks
    shown = sdq("show", "night/1/1").out
    assert "looks like another image" in shown
    assert sdq("show", "night/1/2", "--json").json["quality"]["constant"] is True
    outputs = sdq.home / "outputs"
    elsewhere = outputs.rename(outputs.with_name("elsewhere"))
    assert "no longer there" in sdq("inspect", "--again", code=74).err
    elsewhere.rename(outputs)
    assert sdq("inspect", "--json").json["images_measured"] == 0, "nothing was forgotten"
    (outputs / "night" / "1-0.png").unlink()
    said = sdq("inspect", "--again", code=1).out
    assert "missing: night/1-0.png" in said
    assert "run `sdq verify --repair`" in said
    with sdq.ledger() as ledger:
        Scene(sdq.home, ledger).draw("same", "a", 3)
    of_both = sdq("inspect", "night", "same", "--json", code=1).json
    assert of_both["missing"] == ["night/1-0.png"], "once, although two batches ask for it"
    assert "There is no batch 'x'" in sdq("inspect", "x", code=66).err


def test_what_was_measured_before_an_interruption_stays_measured(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspection, "_STORE_AT_ONCE", 1)
    looked_at: list[None] = []

    def interrupt() -> None:
        looked_at.append(None)
        if len(looked_at) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        inspect(scene.ledger, scene.root, [None], threads=1, on_image=interrupt)
    assert len(list(scene.ledger.measures.unmeasured(None))) == 1
    assert look(scene).measured == 1
