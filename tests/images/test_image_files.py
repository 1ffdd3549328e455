"""Storing: whole files or none, with the right error, on real file systems that fail."""

from __future__ import annotations

import hashlib
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sdq_core.errors import OutputError, StorageError
from sdq_core.images.store import (
    growing_file,
    is_temporary,
    store_file,
    sweep_temporary_files,
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


def test_a_file_is_stored_with_its_folders(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b" / "c.png"
    stored = store_file(b"one", target)
    assert target.read_bytes() == b"one"
    assert (stored.sha256, stored.size_bytes) == (hashlib.sha256(b"one").hexdigest(), 3)
    store_file(b"two", target)
    assert target.read_bytes() == b"two"
    assert names(tmp_path) == ["a", "b", "c.png"]


def test_a_file_that_grows_is_there_once_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b.pdf"
    with growing_file(target) as file:
        file.write(b"one")
        assert not target.exists()
    assert target.read_bytes() == b"one"
    with pytest.raises(ZeroDivisionError), growing_file(target) as file:
        file.writelines(bytes(1_000_000 // left) for left in (2, 1, 0))
    assert target.read_bytes() == b"one"
    assert names(tmp_path) == ["a", "b.pdf"]
    with (
        pytest.raises(OutputError, match=r"Not a directory|File exists"),
        growing_file(target / "c"),
    ):
        pass


def test_new_files_have_the_users_own_permissions(tmp_path: Path) -> None:
    store_file(b"x", tmp_path / "x")
    (tmp_path / "y").write_bytes(b"y")
    assert (tmp_path / "x").stat().st_mode == (tmp_path / "y").stat().st_mode


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda folder: (folder / "out").write_bytes(b""), "Not a directory|File exists"),
        (lambda folder: (folder / "out" / "i.png").mkdir(parents=True), "Is a directory"),
        (lambda folder: (folder / "out").symlink_to("out"), "Too many levels|File exists"),
    ],
)
def test_a_place_that_cannot_be_written(tmp_path: Path, spoil: object, says: str) -> None:
    spoil(tmp_path)  # type: ignore[operator]
    before = names(tmp_path)
    with pytest.raises(OutputError, match=says) as caught:
        store_file(b"x", tmp_path / "out" / "i.png")
    assert str(tmp_path / "out" / "i.png") in str(caught.value)
    assert names(tmp_path) == before


def test_names_that_no_file_can_have(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="File name too long"):
        store_file(b"x", tmp_path / ("x" * 300))
    with pytest.raises(OutputError, match="no file can have that name"):
        store_file(b"x", tmp_path / "a\0b")
    assert names(tmp_path) == []


def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    user = os.geteuid()
    tmp_path.chmod(0o555)
    if user == 0:
        os.seteuid(65534)
    try:
        with pytest.raises(
            OutputError, match=r"\(Permission denied\)\. Choose another output folder"
        ):
            store_file(b"x", tmp_path / "i.png")
    finally:
        os.seteuid(user)
        tmp_path.chmod(0o755)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 256 KiB; needs root on Linux."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a small file system can be mounted only by root on Linux")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk(small_disk: Path) -> None:
    store_file(b"kept", small_disk / "i.png")
    with pytest.raises(
        StorageError, match=r"\(No space left on device\)\. Free some space"
    ) as caught:
        store_file(bytes(2**20), small_disk / "i.png")
    assert caught.value.retryable
    assert names(small_disk) == ["i.png"]
    assert (small_disk / "i.png").read_bytes() == b"kept"


def test_a_file_larger_than_may_be_written(tmp_path: Path) -> None:
    store_file(b"kept", tmp_path / "i.png")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65536, before[1]))
    try:
        with pytest.raises(StorageError, match="File too large"):
            store_file(bytes(2**20), tmp_path / "i.png")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert names(tmp_path) == ["i.png"]
    assert (tmp_path / "i.png").read_bytes() == b"kept"


def test_a_process_killed_while_storing_leaves_whole_files(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from sdq_core.images.store import store_file\n"
        "for i in range(10**9): store_file(bytes([i % 256]) * 300_000, Path(sys.argv[1]) / f'{i % 5}.png')"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)])
    deadline = time.monotonic() + 30
    while len(list(tmp_path.glob("*.png"))) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.wait()
    files = list(tmp_path.glob("*.png"))
    assert len(files) == 5
    for path in files:
        data = path.read_bytes()
        assert len(data) == 300_000
        assert len(set(data)) == 1
    left = list(filter(is_temporary, tmp_path.iterdir()))
    assert sweep_temporary_files(tmp_path) == 0
    assert sweep_temporary_files(tmp_path, older_than_s=-1) == len(left)
    assert len(names(tmp_path)) == 5
