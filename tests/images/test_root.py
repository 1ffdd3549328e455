"""The output folder: made once, recognized afterwards, and never made anew in the place of one that is absent."""

from __future__ import annotations

import json
import os
import random
import shlex
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sdq_core.errors import StorageError
from sdq_core.images.root import MARKER, OutputRoot, lost
from sdq_core.images.root_record import FILE, RootRecord
from tests.chaos.place import small_disk

LEDGER = "0123456789ab"


def root_of(
    tmp_path: Path, path: Path | str = "drive/pictures", ledger_id: str = LEDGER
) -> OutputRoot:
    return OutputRoot(tmp_path / path, home=tmp_path, ledger_id=ledger_id)


@pytest.fixture
def used(tmp_path: Path) -> OutputRoot:
    """A root on a drive, with an image in it."""
    root = root_of(tmp_path)
    root.store(b"one", "b/00001/00001-1.png")
    return root


def unplug(root: OutputRoot) -> Path:
    """Take the root's drive away; return where it is now."""
    drive = root.path.parent
    return drive.rename(drive.with_name("unplugged"))


def command_in(message: str) -> str:
    """Return the command that a message names."""
    return next(part for part in message.split("`") if part.startswith("mkdir"))


def test_a_root_that_was_never_used_is_made_with_its_marker(
    tmp_path: Path, used: OutputRoot
) -> None:
    assert (used.path / "b/00001/00001-1.png").read_bytes() == b"one"
    assert LEDGER in (used.path / MARKER).read_text()
    assert RootRecord(tmp_path).ledgers_of(used.path) == {LEDGER}
    again = root_of(tmp_path)
    again.look()
    again.store(b"two", "b/00001/00001-1.png")
    assert again.read("b/00001/00001-1.png") == b"two"
    assert again.read("b/00001/00001-2.png") is None
    assert (tmp_path / FILE).read_text().count("\n") == 1


def test_an_earlier_versions_folder_is_adopted(tmp_path: Path) -> None:
    root = root_of(tmp_path)
    root.path.mkdir(parents=True)
    (root.path / "old.png").write_bytes(b"old")
    root.look()
    root.require()
    assert not (root.path / MARKER).exists(), "looking changes nothing"
    root.store(b"one", "b/1.png")
    assert (root.path / MARKER).exists()
    assert RootRecord(tmp_path).ledgers_of(root.path) == {LEDGER}


@pytest.mark.parametrize("known", ["by this process", "by the record"])
@pytest.mark.parametrize(
    ("left", "says"),
    [
        ("nothing", "no longer there"),
        ("an empty mount point", "not the folder"),
        ("another drive", "not the folder"),
        ("a file", "no longer there"),
    ],
)
def test_an_absent_root_is_trouble_to_wait_for(
    tmp_path: Path, used: OutputRoot, left: str, says: str, known: str
) -> None:
    unplugged = unplug(used)
    if left == "a file":
        used.path.parent.mkdir()
        used.path.write_text("a file")
    elif left != "nothing":
        used.path.mkdir(parents=True)
    if left == "another drive":
        (used.path / MARKER).write_text("ba9876543210\n")
    before = sorted(tmp_path.rglob("*"))
    root = used if known == "by this process" else root_of(tmp_path)
    for action in (
        root.look,
        root.require,
        lambda: root.store(b"two", "c/00001/00001-1.png"),
        lambda: root.read("b/00001/00001-1.png"),
    ):
        with pytest.raises(StorageError, match=says) as caught:
            action()
        assert "Reconnect" in str(caught.value)
        assert str(root.path) in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before
    shutil.rmtree(used.path.parent, ignore_errors=True)
    unplugged.rename(used.path.parent)
    root.look()
    root.store(b"two", "c/00001/00001-1.png")
    assert (used.path / "b/00001/00001-1.png").exists()


def test_the_command_that_a_message_names_lets_it_begin_anew(tmp_path: Path) -> None:
    root = root_of(tmp_path, "a drive's/pictures")
    root.store(b"one", "1.png")
    unplug(root)
    for _ in range(2):
        with pytest.raises(StorageError) as caught:
            root.look()
        subprocess.run(["sh", "-c", command_in(str(caught.value))], check=True)
        root.look()
        root.store(b"two", "2.png")
        assert (root.path / "2.png").exists()
        (root.path / MARKER).unlink()


def test_another_spelling_of_an_absent_root_is_the_same_root(
    tmp_path: Path, used: OutputRoot
) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "drive")
    unplug(used)
    with pytest.raises(StorageError, match="no longer there"):
        root_of(tmp_path, "link/pictures").store(b"x", "1.png")
    assert not (tmp_path / "drive").exists()


def test_a_new_folder_is_not_made_on_a_drive_that_is_absent(
    tmp_path: Path, used: OutputRoot
) -> None:
    unplugged = unplug(used)
    tonight = root_of(tmp_path, "drive/tonight")
    with pytest.raises(StorageError, match="drive is not there, although") as caught:
        tonight.store(b"x", "1.png")
    assert not (tmp_path / "drive").exists()
    command = command_in(str(caught.value))
    assert command == f"mkdir -p {shlex.quote(str(tonight.path))}"
    unplugged.rename(tmp_path / "drive")
    tonight.store(b"x", "1.png")
    shutil.rmtree(used.path)  # no longer wanted; what is beside it does not depend on it
    root_of(tmp_path, "drive/tomorrow").store(b"x", "1.png")


def test_nothing_is_made_in_the_place_of_a_data_folder_that_vanished(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for path in (home / "outputs", tmp_path / "elsewhere"):
        root = OutputRoot(path, home=home, ledger_id=LEDGER)
        with pytest.raises(StorageError, match=r"data folder .* no longer there"):
            root.store(b"x", "1.png")
    assert not home.exists()


def test_two_ledgers_may_share_a_root(tmp_path: Path, used: OutputRoot) -> None:
    other = root_of(tmp_path, ledger_id="ba9876543210")
    other.store(b"x", "c/1.png")
    used.look()
    unplugged = unplug(used)
    with pytest.raises(StorageError):
        other.look()
    assert lost(used.path, tmp_path) is not None
    unplugged.rename(used.path.parent)
    root_of(tmp_path, ledger_id="ba9876543210").look()
    assert lost(used.path, tmp_path) is None


def test_two_processes_that_begin_at_once_lose_nothing_of_the_record(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from sdq_core.images.root import OutputRoot\n"
        "home, name = Path(sys.argv[1]), sys.argv[2]\n"
        "for i in range(50):\n"
        "    for path in (home / f'{name}-{i}', home / f'both-{i}'):\n"
        f"        OutputRoot(path, home=home, ledger_id='{LEDGER}').store(b'x', f'{{name}}.png')"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name]) for name in "ab"
    ]
    assert [process.wait(60) for process in processes] == [0, 0]
    record = RootRecord(tmp_path)
    for number in range(50):
        for name in ("a", "b", "both"):
            path = tmp_path / f"{name}-{number}"
            assert record.ledgers_of(path) == {LEDGER}
            root_of(tmp_path, path).look()


def test_a_damaged_line_of_the_record_does_no_harm(tmp_path: Path, used: OutputRoot) -> None:
    file = tmp_path / FILE
    file.write_bytes(b'{"ledger": "01\n[]\n\xff\xfe\n7\n' + file.read_bytes() + b'{"root": 1}')
    root_of(tmp_path).look()
    unplug(used)
    with pytest.raises(StorageError):
        root_of(tmp_path).look()
    assert {json.loads(line)["root"] for line in file.read_text(errors="replace").splitlines()
            if line.startswith('{"ledger": "0123')} == {str(used.path)}  # fmt: skip


def test_a_drive_that_goes_while_files_are_written_takes_them_along(
    tmp_path: Path, used: OutputRoot
) -> None:
    """Whatever the moment, a file that was reported as stored is on the drive, and nothing is made in its place."""
    stop = threading.Event()
    strays: list[Path] = []

    def plug_in_and_out() -> None:
        away = tmp_path / "unplugged"
        dice = random.Random(0)
        while not stop.wait(dice.uniform(0, 0.003)):
            used.path.parent.rename(away)
            stop.wait(dice.uniform(0, 0.003))
            if used.path.parent.exists():
                strays.append(used.path)
                return
            away.rename(used.path.parent)

    meddler = threading.Thread(target=plug_in_and_out)
    meddler.start()
    stored, refused = [], 0
    try:
        for number in range(100_000):
            try:
                used.store(b"x" * number, f"n{number % 50}/{number}.png")
                stored.append(number)
            except StorageError:
                refused += 1
            if (len(stored) > 100 and refused > 100) or strays:
                break
    finally:
        stop.set()
        meddler.join()
    assert not strays
    assert len(stored) > 100
    assert refused > 100
    for number in stored:
        assert (used.path / f"n{number % 50}/{number}.png").stat().st_size == number


def test_a_mounted_drive_and_its_empty_mount_point_are_told_apart(tmp_path: Path) -> None:
    root = root_of(tmp_path, "drive")
    with small_disk(root.path, size_mib=1) as mounted:
        if not mounted:
            pytest.skip("a file system can be mounted only by root on Linux")
        root.store(b"x", "1.png")
        root.look()
    for absent in (root, root_of(tmp_path, "drive")):
        with pytest.raises(StorageError, match="not the folder"):
            absent.store(b"x", "2.png")
    assert os.listdir(root.path) == []  # noqa: PTH208
    with small_disk(root.path, size_mib=1), pytest.raises(StorageError, match="not the folder"):
        root.store(b"x", "2.png")  # another drive


def test_finished_images_are_not_looked_for_in_an_empty_place(tmp_path: Path) -> None:
    root = root_of(tmp_path, "outputs")
    for _ in range(2):
        with pytest.raises(StorageError, match="lists finished images"):
            root.require()
        root.path.mkdir(exist_ok=True)
    (root.path / "b").mkdir()
    root.require()
