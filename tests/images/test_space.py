"""How much is free where images would be stored, asked without making anything."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sdq_core.errors import StorageError
from sdq_core.images.root import OutputRoot
from sdq_core.images.space import free_bytes


def test_a_folder_that_is_not_there_yet_has_the_room_of_the_one_around_it(tmp_path: Path) -> None:
    free = free_bytes(tmp_path / "a/b/c", tmp_path)
    # Others write to this disk, too.
    assert free == pytest.approx(shutil.disk_usage(tmp_path).free, rel=0.2)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_gone_has_none(tmp_path: Path) -> None:
    drive = tmp_path / "drive"
    OutputRoot(drive / "pictures", home=tmp_path, ledger_id="0123456789ab").store(b"one", "b/1.png")
    drive.rename(tmp_path / "unplugged")
    with pytest.raises(StorageError, match="Reconnect its drive"):
        free_bytes(drive / "pictures", tmp_path)
