"""The folder of thumbnails: bounded, whoever writes into it or takes from it."""

from __future__ import annotations

import os
from pathlib import Path

from sdq.web.kept import KeptThumbnails


def test_the_oldest_thumbnails_go_when_there_are_too_many(tmp_path: Path) -> None:
    def total() -> int:
        return sum(file.stat().st_size for file in tmp_path.rglob("*.*"))

    before = KeptThumbnails(tmp_path, limit_bytes=1000)
    for number in range(8):
        before.keep(f"{number}0old", b"x" * 100)
        os.utime(tmp_path / f"{number}0" / f"{number}0old.webp", (number, number))
    (tmp_path / "00" / "left.tmp").write_bytes(b"x" * 100)  # by one that was killed
    os.utime(tmp_path / "00" / "left.tmp", (1, 1))
    kept = KeptThumbnails(tmp_path, limit_bytes=1000)
    kept.keep("aanew", b"y" * 100)
    assert total() == 1000
    for number in range(30):
        kept.keep(f"bb{number}", b"z" * 50)
        assert total() <= 1050
    assert kept.read("00old") is None
    assert not (tmp_path / "00" / "left.tmp").exists()
    assert kept.read("bb29") == b"z" * 50


def test_thumbnails_need_no_folder_that_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    kept = KeptThumbnails(tmp_path / "file")
    kept.keep("aa", b"x")
    assert kept.read("aa") is None
