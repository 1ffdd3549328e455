from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sdq.exports.formats.parquet import Parquet
from sdq.exports.formats.webdataset import WebDataset
from sdq.exports.options import ExportOptions
from sdq.exports.rows import ROW_COLUMNS
from sdq.exports.sample import Sample
from tests.exports.drawn import samples

pytest.importorskip("pyarrow")
from pyarrow import parquet


def table(drawn: list[Sample], out: Path) -> Path:
    part = Parquet(ExportOptions(format="parquet")).begin(out, "train", 0)
    for sample in drawn:
        part.add(sample)
    (path,) = part.close()
    return path


def test_a_row_has_the_image_its_caption_and_typed_columns(tmp_path: Path) -> None:
    drawn = samples(tmp_path / "images", 3, fields={"tags": ["x", "y"], "meta": {"n": 1}})
    path = table(drawn, tmp_path / "out")
    assert path == tmp_path / "out" / "data" / "train-00000.parquet"
    read = parquet.read_table(path)
    assert read.column_names == ["image", "text", *ROW_COLUMNS]
    first = read.to_pylist()[0]
    assert first["image"] == {
        "bytes": drawn[0].file.read_bytes(),
        "path": f"{drawn[0].key}.png",
    }
    assert first["text"] == "a red boat"
    assert first["finished_at"] == drawn[0].image.finished_at
    assert (first["seed"], first["tags"], first["custom_id"]) == (0, ["x", "y"], None)
    assert (first["width"], first["height"]) == (16, 16)
    assert json.loads(first["meta"]) == {"n": 1}


def test_readers_are_told_that_it_is_an_image(tmp_path: Path) -> None:
    path = table(samples(tmp_path / "images", 1), tmp_path / "out")
    metadata = parquet.read_schema(path).metadata
    features = json.loads(metadata[b"huggingface"])["info"]["features"]
    assert features == {"image": {"_type": "Image"}}


def test_equal_samples_make_equal_files_of_small_row_groups(tmp_path: Path) -> None:
    drawn = samples(tmp_path / "images", 205)
    first = table(drawn, tmp_path / "out")
    assert table(drawn, tmp_path / "again").read_bytes() == first.read_bytes()
    groups = parquet.ParquetFile(first).metadata
    assert [groups.row_group(n).num_rows for n in range(groups.num_row_groups)] == [100, 100, 5]


def test_its_size_grows_with_what_waits_and_nothing_is_left_of_one_given_up(
    tmp_path: Path,
) -> None:
    part = Parquet(ExportOptions(format="parquet")).begin(tmp_path / "out", "train", 0)
    before = part.size_bytes
    sample = samples(tmp_path / "images", 1)[0]
    part.add(sample)
    assert part.size_bytes == before + sample.file.stat().st_size
    part.abort()
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("form", [Parquet, WebDataset])
def test_a_full_disk_is_an_error_and_leaves_nothing(
    tmp_path: Path, form: type[Parquet] | type[WebDataset]
) -> None:
    sample = samples(tmp_path / "images", 1)[0]
    sample.file.write_bytes(os.urandom(100_000))
    part = form(ExportOptions(format="")).begin(tmp_path / "out", "train", 0)

    def fill() -> None:
        for number in range(200):
            part.add(replace(sample, key=f"{number:03d}"))
        part.close()

    with file_size_limit(1_000_000), pytest.raises(OSError, match="File too large"):
        fill()
    part.abort()
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []


@contextlib.contextmanager
def file_size_limit(size_bytes: int) -> Iterator[None]:
    """Let no file of this process grow larger within the block, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
