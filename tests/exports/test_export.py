"""A data set grows, goes on after a kill, and comes out the same each time."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import signal
import sqlite3
from pathlib import Path

import pytest
from PIL import Image

from sdq.exports import export as exports
from sdq.exports.captions import Caption
from sdq.exports.conversion import Conversion
from sdq.exports.formats.imagefolder import ImageFolder
from sdq.exports.formats.kohya import Kohya
from sdq.exports.index import INDEX
from sdq.exports.link import Link
from sdq.exports.splits import Splits
from sdq_core.errors import OutputError, StorageError, TryAgainError, UsageError
from sdq_core.values.image_files import ImageFormat
from tests.acceptance.die_at import die_at
from tests.exports.scene import Scene, tree

PROMPTS = ["a red house", "the sea", "a tent in the snow"]
HALVES = Splits.parse("train=0.5,test=0.5")


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    scene = Scene(tmp_path / "home")
    scene.add("night", PROMPTS, range(4))
    return scene


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFolder, "samples_per_part", 5)
    monkeypatch.setattr(Kohya, "samples_per_part", 5)


def test_the_same_export_into_two_folders_is_the_same_to_the_byte(
    scene: Scene, tmp_path: Path
) -> None:
    for options in ({}, {"shuffle": 7, "splits": HALVES}, {"format": "diffusiondb"}):
        name = str(options.get("format", options.get("shuffle", "")))
        first = scene.export(tmp_path / f"a{name}", **options)
        scene.export(tmp_path / f"b{name}", **options)
        assert sum(first.new.values()) == 12
        assert tree(tmp_path / f"a{name}") == tree(tmp_path / f"b{name}")
        assert not (tmp_path / f"a{name}" / ".sdq-work").exists()


def test_an_image_folder_lists_exactly_the_images_that_are_there(
    scene: Scene, tmp_path: Path
) -> None:
    scene.export(tmp_path / "data")
    lines = (tmp_path / "data/train/metadata.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert [list(row)[:2] for row in rows] == [["file_name", "text"]] * 12
    images = {path for path in tree(tmp_path / "data") if path.endswith(".png")}
    assert {f"train/{row['file_name']}" for row in rows} == images
    assert {path.split("/")[1] for path in images} == {"00000", "00001", "00002"}
    assert rows[0]["text"] == rows[0]["prompt"] == "a red house"
    assert {type(row["meta"]) for row in rows} == {str}
    copies = [(tmp_path / "data" / "train" / row["file_name"]).read_bytes() for row in rows]
    assert copies == [path.read_bytes() for path in scene.paths()]


def test_columns_of_numbers_go_in_if_all_images_have_them_at_first(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "home")
    scene.add("night", ["a"], range(1))
    scene.phash = lambda _prompt, _seed: "0" * 16
    scene.add("night", ["b"], range(1))
    scene.export(tmp_path / "data")
    scene.add("night", ["c"], range(1))
    scene.export(tmp_path / "data")
    lines = (tmp_path / "data/train/metadata.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert [row["phash"] for row in rows] == ["", "0" * 16, "0" * 16]
    for row in rows:
        assert list(row) == list(rows[0])
        assert {"nsfw_flagged", "nsfw_score", "denoise_ms"} <= set(row)
        assert not {"brightness", "near_duplicate_of"} & set(row)
        assert None not in row.values()


def test_a_batch_that_grew_adds_only_what_is_new(scene: Scene, tmp_path: Path) -> None:
    out = tmp_path / "data"
    scene.export(out, splits=HALVES)
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    before = tree(out)
    again = scene.export(out, splits=HALVES)
    assert (again.new.total(), again.samples) == (0, 12)
    assert tree(out) == before

    scene.add("night", [*PROMPTS, "the mountains"], range(3, 6), negative_prompt="fog")
    grown = scene.export(out, splits=HALVES)
    assert (grown.new.total(), grown.samples) == (12, 24)
    assert {path: path.stat().st_mtime_ns for path in times} == times
    now = tree(out)
    assert all(now[path] == before[path] for path in before if path.endswith(".png"))
    train, test = (
        [json.loads(line)["prompt"] for line in now[f"{split}/metadata.jsonl"].splitlines()]
        for split in ("train", "test")
    )
    assert len(train) + len(test) == 24
    assert not set(train) & set(test)  # whatever the negative prompt


def test_an_image_that_two_batches_ask_for_is_one_sample(scene: Scene, tmp_path: Path) -> None:
    scene.add("other", [PROMPTS[0], "a lamp"], range(2, 6))
    done = scene.export(tmp_path / "data", "night", "other")
    assert (done.new.total(), done.samples) == (18, 18)
    assert scene.export(tmp_path / "data", "other").new.total() == 0


@pytest.mark.parametrize(
    ("when", "place", "nth"),
    [
        ("after", "sdq.exports.link:place", 3),
        ("before", "sdq.exports.formats.part_folder:sync_names", 2),
        ("before", "sdq.exports.index:Index.add_part", 1),
        ("before", "sdq.exports.index:Index.add_part", 2),
        ("after", "sdq.exports.index:Index.add_part", 2),
        ("before", "sdq.exports.formats.imagefolder:ImageFolder.finish", 1),
        ("before", "sdq.exports.formats.imagefolder:sync_names", 1),
        ("before", "sdq.exports.index:Index.set_finished", 1),
    ],
)
def test_killed_anywhere_the_next_export_goes_on_and_the_result_is_the_same(
    scene: Scene, tmp_path: Path, when: str, place: str, nth: int
) -> None:
    whole, out = tmp_path / "whole", tmp_path / "data"
    options = {"shuffle": 3, "splits": HALVES}
    scene.export(whole, **options)
    child = os.fork()
    if child == 0:
        try:
            if place == "sdq.exports.link:place":  # where it is used
                place = "sdq.exports.formats.part_folder:place"
            die_at(when, place, nth)
            scene.export(out, **options)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    with sqlite3.connect(out / INDEX) as index:
        known = {key for (key,) in index.execute("SELECT key FROM samples")}
    kept = {path: path.stat().st_mtime_ns for path in out.rglob("*.png") if path.stem in known}
    done = scene.export(out, **options)
    assert (done.new.total(), done.samples) == (12 - len(known), 12)
    assert tree(out) == tree(whole)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


def test_an_export_that_is_interrupted_leaves_nothing_half_done(
    scene: Scene, tmp_path: Path
) -> None:
    interrupted = iter([None] * 7)
    with pytest.raises(StopIteration):
        scene.export(tmp_path / "data", on_image=lambda: next(interrupted))
    assert {path.name for path in (tmp_path / "data").iterdir()} == {INDEX, "train"}
    assert len(list((tmp_path / "data").rglob("*.png"))) == 5  # the first part
    assert scene.export(tmp_path / "data").new.total() == 7


def test_images_without_their_file_or_with_another_are_left_out_and_counted(
    scene: Scene, tmp_path: Path
) -> None:
    missing, changed, cut, *_ = scene.paths()
    missing.unlink()
    changed.write_bytes(changed.read_bytes()[:-1] + b"x")
    cut.write_bytes(b"")
    done = scene.export(tmp_path / "data")
    assert (done.new.total(), done.missing, done.changed) == (9, 1, 2)
    assert len(tree(tmp_path / "data")["train/metadata.jsonl"].splitlines()) == 9
    scene.paths()[0].write_bytes(b"")
    linked = scene.export(tmp_path / "links", link=Link.HARD)
    assert (linked.new.total(), linked.changed) == (10, 2)  # only sizes are compared


def test_without_the_folder_of_images_nothing_is_taken_for_missing(
    scene: Scene, tmp_path: Path
) -> None:
    scene.outputs.rename(scene.outputs.with_name("elsewhere"))
    with pytest.raises(StorageError, match="no longer there"):
        scene.export(tmp_path / "data")


@pytest.mark.parametrize("link", [Link.COPY, Link.HARD, Link.SYM])
def test_files_are_copied_or_linked(scene: Scene, tmp_path: Path, link: Link) -> None:
    out = tmp_path / "data"
    scene.export(out, link=link)
    sources = {path.read_bytes(): path for path in scene.paths()}
    for file in out.rglob("*.png"):
        source = sources[file.read_bytes()]
        assert file.is_symlink() == (link is Link.SYM)
        assert file.samefile(source) == (link is not Link.COPY)


def test_where_files_cannot_share_blocks_that_is_said(scene: Scene, tmp_path: Path) -> None:
    try:
        scene.export(tmp_path / "data", link=Link.REFLINK)
    except OutputError as error:
        assert "Use --link copy." in str(error)  # noqa: PT017  (a file system that can is fine, too)
    else:
        assert len(list((tmp_path / "data").rglob("*.png"))) == 12


def test_images_are_converted_and_resized(scene: Scene, tmp_path: Path) -> None:
    conversion = Conversion.parse(ImageFormat.JPG, "8")
    scene.export(tmp_path / "data", conversion=conversion)
    files = list((tmp_path / "data").rglob("*.jpg"))
    assert len(files) == 12
    for file in files:
        with Image.open(file) as image:
            assert (image.format, image.size) == ("JPEG", (16, 8))
    row = json.loads((tmp_path / "data/train/metadata.jsonl").read_text().splitlines()[0])
    assert row["file_name"].endswith(".jpg")
    assert conversion.size_of(4, 2) == (row["width"], row["height"]) == (16, 8)


def test_of_images_that_look_alike_the_first_goes_in_and_stays(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "home")
    scene.phash = lambda prompt, seed: f"{len(prompt) << 32 | 1 << seed:016x}"
    scene.add("night", ["a", "b" * 200], range(1, 3))
    done = scene.export(tmp_path / "data", distance=2)
    assert (done.new.total(), done.alike) == (2, 2)
    scene.add("night", ["a"], range(3, 5))
    scene.add("other", ["a"], range(5, 6))
    again = scene.export(tmp_path / "data", "other", "night", distance=2)
    assert (again.new.total(), again.samples, again.alike) == (0, 2, 5)
    assert scene.export(tmp_path / "all", "other", "night", distance=1).alike == 0
    scene.phash = lambda _prompt, _seed: None
    scene.add("night", ["c"], range(1))
    with pytest.raises(UsageError, match="`sdq inspect night`"):
        scene.export(tmp_path / "data", distance=2)


def test_kohya_gets_one_flat_folder_with_a_line_for_each_image(
    scene: Scene, tmp_path: Path
) -> None:
    scene.add("night", ["two\n\nlines"], range(3))
    caption = Caption.parse("{meta.nothing}")
    scene.export(tmp_path / "data", format="kohya", kohya_folder="10_house", caption=caption)
    files = tree(tmp_path / "data")
    toml = files.pop("dataset.toml").decode()
    assert 'caption_extension = ".txt"' in toml
    assert 'image_dir = "10_house"' in toml
    assert "num_repeats = 10" in toml
    assert "resolution = [4, 2]" in toml
    assert {path.split("/")[0] for path in files} == {"10_house"}
    texts = [data.decode() for path, data in files.items() if path.endswith(".txt")]
    assert len(texts) == len(files) / 2 == 15
    assert all(text.endswith("\n") and text.count("\n") == 1 and text.strip() for text in texts)
    assert "two lines\n" in texts

    # A training script has been here, and the user wants the configuration anew.
    folder = tmp_path / "data" / "10_house"
    for image in folder.glob("*.png"):
        image.with_suffix(".npz").write_bytes(b"latents")
    (tmp_path / "data" / "dataset.toml").unlink()
    scene.add("night", ["more"], range(1))
    scene.export(tmp_path / "data", format="kohya", kohya_folder="10_house", caption=caption)
    assert (tmp_path / "data" / "dataset.toml").read_text() == toml


def test_an_export_keeps_to_what_its_folder_was_made_with(scene: Scene, tmp_path: Path) -> None:
    scene.export(tmp_path / "data")
    before = tree(tmp_path / "data")
    for options in (
        {"splits": HALVES},
        {"format": "kohya"},
        {"conversion": Conversion(resize="8")},
    ):
        with pytest.raises(UsageError, match="was exported"):
            scene.export(tmp_path / "data", **options)
    assert tree(tmp_path / "data") == before


def test_an_export_that_came_to_nothing_can_be_begun_with_other_options(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("sdq.exports.formats.part_folder.place", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            scene.export(tmp_path / "data", caption=Caption.parse("{prompt}, oil"))
    assert scene.export(tmp_path / "data", splits=HALVES).samples == 12


def _interrupted(*_args: object, **_kwargs: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("form", ["imagefolder", "kohya", "webdataset"])
def test_a_data_set_that_lacks_a_part_is_not_taken_for_whole(
    scene: Scene, tmp_path: Path, form: str
) -> None:
    out = tmp_path / "data"
    scene.export(out, format=form)
    for path in out.iterdir():  # `rm -r data/*` leaves what is hidden
        if not path.name.startswith("."):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(OutputError, match=f"is gone.*delete {re.escape(str(out))}"):
        scene.export(out, format=form)
    assert not tree(out)


def test_captions_that_are_empty_are_counted(scene: Scene, tmp_path: Path) -> None:
    done = scene.export(tmp_path / "data", caption=Caption.parse("{meta.stlye}"))
    assert done.uncaptioned == 12


def test_a_folder_that_is_no_data_set_is_left_alone(scene: Scene, tmp_path: Path) -> None:
    other = tmp_path / "mine"
    other.mkdir()
    (other / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="no export made"):
        scene.export(other)
    assert [path.name for path in other.iterdir()] == ["notes.txt"]
    with pytest.raises(OutputError, match="is a file"):
        scene.export(other / "notes.txt")
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / INDEX).write_text("no database" * 100)
    with pytest.raises(OutputError, match="not an index of an export"):
        scene.export(tmp_path / "odd")
    with pytest.raises(UsageError, match="where the images are drawn to"):
        scene.export(scene.outputs / "data")


def test_two_exports_into_one_folder_do_not_meet(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    descriptor = os.open(tmp_path / "data", os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with pytest.raises(TryAgainError, match="Another export"):
            scene.export(tmp_path / "data")
    finally:
        os.close(descriptor)


def test_a_random_order_is_read_page_by_page(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.export(tmp_path / "a", shuffle=1)
    monkeypatch.setattr(exports, "_AT_ONCE", 5)
    scene.export(tmp_path / "b", shuffle=1)
    scene.export(tmp_path / "c", shuffle=2)
    scene.export(tmp_path / "d")
    one, same, other, plain = (tree(tmp_path / name) for name in "abcd")
    assert one == same
    listed = [value["train/metadata.jsonl"] for value in (one, other, plain)]
    assert len(set(listed)) == 3
    assert len({frozenset(Path(path).name for path in value) for value in (one, other, plain)}) == 1
