from __future__ import annotations

import json
import os
import tarfile
from pathlib import Path

import pytest

from sdq.exports.formats.webdataset import WebDataset
from sdq.exports.options import ExportOptions
from sdq_core.errors import UsageError
from tests.exports.drawn import samples


def shard(folder: Path, out: Path, count: int = 3, number: int = 0) -> Path:
    part = WebDataset(ExportOptions(format="webdataset")).begin(out, "train", number)
    for sample in samples(folder, count, fields={"custom_id": "a-1", "tags": ["x"]}):
        part.add(sample)
    (path,) = part.close()
    return path


def test_a_shard_has_each_samples_image_caption_and_columns(tmp_path: Path) -> None:
    path = shard(tmp_path / "images", tmp_path / "out")
    assert path == tmp_path / "out" / "train-000000.tar"
    first = samples(tmp_path / "images", 1)[0]
    with tarfile.open(path) as tar:
        names = tar.getnames()
        contents = {name: tar.extractfile(name).read() for name in names}  # type: ignore[union-attr]
    assert names[:3] == [f"{first.key}.json", f"{first.key}.png", f"{first.key}.txt"]
    assert len(names) == 9
    assert contents[f"{first.key}.png"] == first.file.read_bytes()
    assert contents[f"{first.key}.txt"] == b"a red boat"
    columns = json.loads(contents[f"{first.key}.json"])
    assert columns["text"] == columns["prompt"] == "a red boat"
    assert columns["tags"] == '["x"]'
    assert columns["finished_at"] == "2026-03-01T21:00:00.000Z"
    assert None not in columns.values()


def test_equal_samples_make_equal_shards_wherever_and_whenever(tmp_path: Path) -> None:
    first = shard(tmp_path / "images", tmp_path / "out").read_bytes()
    for file in (tmp_path / "images").iterdir():
        os.utime(file, (1, 1))
        file.chmod(0o600)
    assert shard(tmp_path / "images", tmp_path / "again").read_bytes() == first
    with tarfile.open(tmp_path / "out" / "train-000000.tar") as tar:
        for member in tar:
            facts = (member.uid, member.gid, member.uname, member.gname, member.mtime, member.mode)
            assert facts == (0, 0, "", "", 0, 0o644)


def test_a_shard_that_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    part = WebDataset(ExportOptions(format="webdataset")).begin(tmp_path / "out", "train", 7)
    part.add(samples(tmp_path / "images", 1)[0])
    assert part.size_bytes > 1000
    part.abort()
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []


def test_images_of_two_kinds_are_refused_because_readers_would_lose_some(tmp_path: Path) -> None:
    form = WebDataset(ExportOptions(format="webdataset"))
    part = form.begin(tmp_path, "train", 0)
    part.add(samples(tmp_path / "one", 1)[0])
    other = form.begin(tmp_path, "test", 0)
    with pytest.raises(UsageError, match=r"png and webp files.*--image-format png"):
        other.add(samples(tmp_path / "two", 1, extension=".webp")[0])
    part.close()
    other.abort()
    later = WebDataset(ExportOptions(format="webdataset")).begin(tmp_path, "train", 1)
    with pytest.raises(UsageError, match="png and webp"):
        later.add(samples(tmp_path / "two", 1, extension=".webp")[0])
    later.abort()
