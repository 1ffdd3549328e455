"""Data sets as `datasets` loads them, by their cards and without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from datasets import Image, load_dataset

from db.values import FinishedImage
from sdq.exports.rows import ROW_COLUMNS
from tests.acceptance.program import Program


def check(
    loaded: Any, image: str, rows: dict[str, dict[str, Any]], drawn: dict[str, FinishedImage]
) -> None:
    """Check splits, images and a few columns. rows: of both splits, by key."""
    assert sorted(loaded) == ["test", "train"]
    assert all(len(split) > 0 for split in loaded.values())
    assert sorted(rows) == sorted(drawn)
    for split in loaded.values():
        assert isinstance(split.features[image], Image)
    for key, row in rows.items():
        assert row[image].size == (128, 128)
        columns = row.get("json", row)
        assert columns["seed"] == drawn[key].seed
        assert columns["prompt"] == drawn[key].recipe.prompt
        assert columns["guidance_scale"] == drawn[key].recipe.guidance_scale


def by_key(loaded: Any) -> dict[str, dict[str, Any]]:
    return {
        f"{row['recipe_key'][:16]}-{row['seed']:010d}": row
        for split in loaded.values()
        for row in split
    }


@pytest.mark.parametrize("by_card", [True, False])
def test_an_imagefolder(
    folders: dict[str, Path], drawn: dict[str, FinishedImage], cache: str, by_card: bool
) -> None:
    folder = str(folders["imagefolder"])
    if by_card:
        loaded = load_dataset(folder, cache_dir=cache)
    else:
        loaded = load_dataset("imagefolder", data_dir=folder, cache_dir=cache)
    check(loaded, "image", by_key(loaded), drawn)
    # A column of numbers goes in if all images have it, and nobody inspected these.
    inspected = {"near_duplicate_of", "clip_score"}
    assert {"text", *ROW_COLUMNS} - inspected <= set(loaded["train"].features)
    assert not inspected & set(loaded["train"].features)


@pytest.mark.parametrize("by_card", [True, False])
def test_parquet(
    folders: dict[str, Path], drawn: dict[str, FinishedImage], cache: str, by_card: bool
) -> None:
    folder = folders["parquet"]
    if by_card:
        loaded = load_dataset(str(folder), cache_dir=cache)
    else:
        files = {name: str(folder / "data" / f"{name}-*.parquet") for name in ("train", "test")}
        loaded = load_dataset("parquet", data_files=files, cache_dir=cache)
    check(loaded, "image", by_key(loaded), drawn)
    assert list(loaded["train"].features) == ["image", "text", *ROW_COLUMNS]


@pytest.mark.parametrize("by_card", [True, False])
def test_a_webdataset(
    folders: dict[str, Path], drawn: dict[str, FinishedImage], cache: str, by_card: bool
) -> None:
    folder = folders["webdataset"]
    if by_card:
        loaded = load_dataset(str(folder), cache_dir=cache)
    else:
        files = {name: str(folder / f"{name}-*.tar") for name in ("train", "test")}
        loaded = load_dataset("webdataset", data_files=files, cache_dir=cache)
    rows = {row["__key__"]: row for split in loaded.values() for row in split}
    check(loaded, "png", rows, drawn)
    assert all(row["txt"] == drawn[key].recipe.prompt for key, row in rows.items())


def test_pixels_are_those_that_were_drawn(
    program: Program, folders: dict[str, Path], drawn: dict[str, FinishedImage], cache: str
) -> None:
    from PIL import Image as Picture

    for name, image in (("imagefolder", "image"), ("parquet", "image"), ("webdataset", "png")):
        loaded = load_dataset(str(folders[name]), cache_dir=cache, split="train")
        row = loaded[0]
        columns = row.get("json", row)
        key = f"{columns['recipe_key'][:16]}-{columns['seed']:010d}"
        with Picture.open(program.home / "outputs" / drawn[key].image.path) as original:
            assert row[image].tobytes() == original.tobytes()
