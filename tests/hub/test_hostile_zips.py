"""Zips that would do harm are refused in one sentence, and nothing of them is written."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from sdq_core.errors import EXIT_BAD_INPUT, PackageError, SdqError, StorageError
from sdq_core.models.zips import Zip, require_room, unpack
from tests.acceptance.program import Program
from tests.core.small_packages import PARTS, write_model
from tests.hub.server import tree
from tests.hub.zipping import HOSTILE, zipped


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_zip_is_refused_in_a_sentence(what: str, tmp_path: Path) -> None:
    make, words = HOSTILE[what]
    path = tmp_path / "mine.zip"
    path.write_bytes(make())
    into = tmp_path / "into"
    into.mkdir()
    with pytest.raises(PackageError) as refused:
        unpack([Zip.read(path)], into)
    said = str(refused.value)
    assert words in said
    assert str(path) in said
    assert "\n" not in said
    assert said.endswith(".")
    assert list(into.iterdir()) == []


def test_adding_one_ends_with_the_code_for_bad_input_and_leaves_nothing(
    program: Program, tmp_path: Path
) -> None:
    path = tmp_path / "mine.zip"
    path.write_bytes(HOSTILE["parent"][0]())
    result = program.call("models", "add", str(path), code=EXIT_BAD_INPUT)
    assert result.stderr.startswith("sdq: ")
    assert result.stderr.count("\n") == 1
    assert list((program.home / "models").glob("*")) == []


def test_zips_that_clash_with_each_other_are_refused(tmp_path: Path) -> None:
    for part, inner in (("Unet", "Unet.mlmodelc/x"), ("TextEncoder", "unet.mlmodelc/x/y")):
        (tmp_path / f"{part}.mlmodelc.zip").write_bytes(zipped({inner: b""}))
    with pytest.raises(PackageError, match="are one name"):
        unpack([Zip.read(path) for path in sorted(tmp_path.iterdir())], tmp_path)


def test_what_the_disk_has_no_room_for_is_not_begun(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="Free some space"):
        require_room(1 << 62, tmp_path, "mine.zip")


def test_damage_anywhere_is_refused_or_harmless(tmp_path: Path) -> None:
    whole = zipped(tree(write_model(tmp_path / "mine", PARTS)), under="mine/")
    files = tree(tmp_path / "mine", "mine/")
    chance = random.Random(1)
    path = tmp_path / "mine.zip"
    outcomes = set()
    for number in range(150):
        changed = bytearray(whole)
        # Half of the changes hit the directory, which is at the end.
        first = len(whole) // 2 if number % 2 else len(whole) - 2500
        for _ in range(chance.randint(1, 4)):
            changed[chance.randrange(first, len(whole))] = chance.randrange(256)
        path.write_bytes(changed)
        into = tmp_path / f"into{number}"
        into.mkdir()
        try:
            unpack([Zip.read(path)], into)
            outcome = "unpacked"
        except SdqError as error:
            assert isinstance(error, PackageError), error  # noqa: PT017
            outcome = "refused"
        outcomes.add(outcome)
        for name, content in tree(into).items():
            if name in files:
                known = len(files[name]) if outcome == "unpacked" else len(content)
                assert content == files[name][:known]
    assert outcomes == {"unpacked", "refused"}
