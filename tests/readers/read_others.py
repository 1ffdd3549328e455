"""Data sets as webdataset, pyarrow, pandas, kohya's scripts and AUTOMATIC1111's readers take them."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pandas
import webdataset
from PIL import Image
from pyarrow import parquet

from db.values import FinishedImage
from sdq.exports.rows import ROW_COLUMNS
from tests.acceptance.program import Program
from tests.readers.conftest import BATCH

#: AUTOMATIC1111's own expression for the last line (modules/infotext_utils.py).
_PAIR = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
_KOHYA_IMAGES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".avif", ".jxl"}


def test_webdataset_streams_the_shards(
    folders: dict[str, Path], drawn: dict[str, FinishedImage]
) -> None:
    shards = sorted(map(str, folders["webdataset"].glob("*.tar")))
    samples = list(webdataset.WebDataset(shards, shardshuffle=False).decode("pil"))
    assert sorted(sample["__key__"] for sample in samples) == sorted(drawn)
    for sample in samples:
        image = drawn[sample["__key__"]]
        assert sample["png"].size == (128, 128)
        assert sample["txt"] == sample["json"]["text"] == image.recipe.prompt
        assert sample["json"]["seed"] == image.seed


def test_pyarrow_and_pandas_read_parquet(
    folders: dict[str, Path], drawn: dict[str, FinishedImage]
) -> None:
    data = folders["parquet"] / "data"
    table = parquet.read_table(data)
    assert table.num_rows == len(drawn)
    frame = pandas.read_parquet(data, columns=["text", "seed", "finished_at", "tags", "meta"])
    assert sorted(frame["seed"].unique()) == [0, 1, 2, 3]
    assert str(frame["finished_at"].dt.tz) == "UTC"
    assert {"red", "day"} in [set(tags) for tags in frame["tags"].dropna()]
    assert {"place": "sea", "n": 1} in [json.loads(meta) for meta in frame["meta"].dropna()]


def test_pandas_reads_lists(program: Program, tmp_path: Path) -> None:
    for name in ("jsonl", "csv"):
        out = tmp_path / f"list.{name}"
        program.call("export", BATCH, str(out), "--format", name)
        frame = pandas.read_json(out, lines=True) if name == "jsonl" else pandas.read_csv(out)
        assert len(frame) == 20
        assert sorted(frame["seed"].unique()) == [0, 1, 2, 3]


def test_the_columns_draw_the_images_again_as_the_card_says(
    program: Program, folders: dict[str, Path], tmp_path: Path
) -> None:
    card = (folders["parquet"] / "README.md").read_text()
    lines = re.findall(r"```python\n(columns = .*?)```", card, re.DOTALL)
    frame = pandas.read_parquet(folders["parquet"] / "data")
    exec(lines[0].replace("again.jsonl", str(tmp_path / "again.jsonl")), {"table": frame})
    said = program.call(
        "submit", str(tmp_path / "again.jsonl"), "--model", "demo", "--batch", BATCH, "--dry-run", "--json"
    )  # fmt: skip
    plan = json.loads(said.stdout)
    assert (plan["images_new"], plan["images_known"]) == (0, 20), plan


def test_kohyas_loader_finds_each_image_with_its_caption(
    folders: dict[str, Path], drawn: dict[str, FinishedImage]
) -> None:
    # As library/config_util.py and library/train_util.py: folders N_class, images of one level, captions beside.
    folder = folders["kohya"]
    options = tomllib.loads((folder / "dataset.toml").read_text())
    (subset,) = options["datasets"][0]["subsets"]
    images = Path(subset["image_dir"])
    images = images if images.is_absolute() else folder / images
    assert re.fullmatch(r"[0-9]+_.+", images.name)
    found = {path.stem for path in images.iterdir() if path.suffix in _KOHYA_IMAGES}
    assert found == set(drawn)
    ending = subset.get("caption_extension") or options.get("general", {})["caption_extension"]
    for key in found:
        caption = (images / f"{key}{ending}").read_text()
        assert caption.strip() == drawn[key].recipe.prompt
        assert "\n" not in caption.strip()


def test_a1111s_rule_reads_the_exported_pngs(
    folders: dict[str, Path], drawn: dict[str, FinishedImage]
) -> None:
    for path in folders["imagefolder"].rglob("*.png"):
        image = drawn[path.stem]
        with Image.open(path) as picture:
            *lines, last = picture.info["parameters"].strip().split("\n")
        pairs = dict(_PAIR.findall(last))
        assert lines[0] == image.recipe.prompt
        assert (pairs["Seed"], pairs["Size"]) == (str(image.seed), "128x128")
        assert pairs["Steps"] == str(image.recipe.num_inference_steps)


def test_every_column_is_in_every_card(folders: dict[str, Path]) -> None:
    for name in ("imagefolder", "webdataset", "parquet"):
        card = (folders[name] / "README.md").read_text()
        assert all(f"| `{column}` |" in card for column in ROW_COLUMNS)
