"""Lists have all that is known, in lines that `sdq submit` reads: exported and submitted again, nothing is added."""

from __future__ import annotations

import csv
import json
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from db.columns import COLUMNS, Kind
from db.ledger import Ledger
from sdq.exports.captions import Caption, rfc3339
from sdq.exports.lists.write import ListOptions, list_file, write_list
from sdq.exports.splits import Splits
from sdq_core.errors import OutputError, TryAgainError
from tests.acceptance.program import Program
from tests.exports.scene import Scene
from tests.ledger.plans import plan
from tests.ledger.test_prune import draw_all

LINES = [
    {"prompt": "a red house, 50% \"off\", by 'the' sea", "seed": "0-3", "custom_id": "house,1",
     "tags": ["a b", "c"], "meta": {"style": "oil, on wood", "n": 3, "deep": {"x": [1, None]}}},
    {"prompt": "'all in quotes'", "seed": [4294967295, 7], "guidance_scale": 5.123456789012345},
    {"prompt": "“curly”", "seed": 1, "negative_prompt": "fog\n\"mist\"", "scheduler": "PNDM"},
    {"prompt": '"straight"', "seed": 1, "num_inference_steps": 7, "variant": "original,split_einsum", "rng": "nvidia"},
    {"prompt": "das (Meer:1.2) bei Nacht, 夜の海 🌊", "seed": 2, "variant": "any", "weighted": True},
    {"prompt": "a tent --ar 3:2", "seed": 3, "compute_unit": "CPU_ONLY", "custom_id": "=1+1"},
    {"prompt": "{red|blue} boat", "seed": "0-5", "meta": {"style": "ink"}},
]  # fmt: skip
IMAGES = 4 + 2 + 1 + 2 + 1 + 1 + 6


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A batch of everything that a line can ask for, with images."""
    home = tmp_path_factory.mktemp("lists") / "home"
    program = Program(home)
    home.mkdir()
    (home / "night.jsonl").write_text("".join(json.dumps(line) + "\n" for line in LINES))
    program.call("submit", str(home / "night.jsonl"), "--dynamic", "random", "--steps", "2")
    Scene(home).draw()
    yield program
    program.close()


def submitted(program: Program, file: Path, batch: str) -> dict[str, Any]:
    """Submit a list again, with options that none of its lines may take."""
    said = program.call(
        "submit", str(file), "--batch", batch, "--steps", "33", "--guidance-scale", "9",
        "--negative-prompt", "zebra", "--rng", "torch", "--weighted",
        "--variant", "split_einsum_v2", "--dry-run", "--json",
    )  # fmt: skip
    found: dict[str, Any] = json.loads(said.stdout)
    return found


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_a_list_that_is_submitted_again_adds_nothing(drawn: Program, ending: str) -> None:
    out = drawn.home / f"again.{ending}"
    said = drawn.call("export", "night", str(out))
    assert f"{IMAGES} images" in said.stdout
    same = submitted(drawn, out, "night")
    assert (same["images_new"], same["images_known"]) == (0, IMAGES)
    own = submitted(drawn, out, f"other-{ending}")
    assert (own["images_new"], own["images_drawn"]) == (0, IMAGES)


def test_each_line_of_json_has_all_columns_of_its_image(drawn: Program) -> None:
    said = drawn.call("export", "night", "-", "--format", "jsonl", "--split", "a=0.5,b=0.5",
                      "--caption", "{seed} {meta.style}")  # fmt: skip
    lines = [json.loads(line) for line in said.stdout.splitlines()]
    assert "images listed" in said.stderr
    images = drawn.drawn("night")
    assert len(lines) == len(images) == IMAGES
    splits = Splits.parse("a=0.5,b=0.5")
    for line, image in zip(lines, images, strict=True):
        result = line["result"]
        variant = image.recipe.variant
        assert line["variant"] == str(variant.attention_implementation)
        assert line["compute_unit"] == (
            None if line["variant"] == "any" else str(variant.compute_unit)
        )
        style = (image.fields.get("meta") or {}).get("style", "")
        assert result["text"] == f"{image.seed} {style}".strip()
        assert result["split"] == splits.of(image.recipe.prompt)
        for name, column in COLUMNS.items():
            if name == "nsfw_score":  # the highest of the scores
                continue
            value = column.of(image)
            if column.kind is Kind.TIME and value is not None:
                value = rfc3339(value)
            if value is None and column.kind in {Kind.LIST, Kind.OBJECT}:
                value = [] if column.kind is Kind.LIST else {}
            assert (result if name in result else line)[name] == value, name


def test_a_row_of_a_table_has_the_same(drawn: Program) -> None:
    out = drawn.home / "table.csv"
    drawn.call("export", "night", str(out))
    lines = drawn.call("export", "night", "-", "--format", "jsonl").stdout.splitlines()
    with out.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(lines)
    for row, line in zip(rows, map(json.loads, lines), strict=True):
        assert row["prompt"] == line["prompt"]
        assert row["seed"] == str(line["seed"])
        assert float(row["guidance_scale"]) == line["guidance_scale"]
        assert row["meta.style"] == line["meta"].get("style", "")
        assert row["tags"] == ";".join(line["tags"])
        assert row["result.sha256"] == line["result"]["sha256"]
        assert row["result.finished_at"] == line["result"]["finished_at"]
        assert float(row["result.denoise_ms"]) == line["result"]["denoise_ms"]
        assert json.loads(row["result.concept_scores"]) == line["result"]["concept_scores"]
        assert json.loads(row["result.versions"]) == line["result"]["versions"]


def test_captions_know_columns_own_fields_and_choices(drawn: Program) -> None:
    caption = Caption.parse("{prompt}: {choice.1}/{choices} {{{meta.style}}} {steps}")
    image = drawn.drawn("night")[-1]
    colour = image.recipe.prompt.split()[0]
    assert caption.of(image) == f"{image.recipe.prompt}: {colour}/{colour} {{ink}} 2"
    assert caption.is_of_slice
    assert not Caption.parse("{prompt} {seed}").is_of_slice


def test_an_image_that_two_batches_ask_for_is_listed_once_on_both_databases(
    ledger: Ledger,
) -> None:
    ledger.submissions.add(plan(["a", "b"], range(5), name="one", slice_size=2))
    ledger.submissions.add(plan(["b", "c"], range(3, 8), name="two", slice_size=3))
    draw_all(ledger)
    listed = _Text()
    ids = [status.id for status in map(ledger.batches.find, ("one", "two")) if status]
    found = write_list(ledger, ids, listed, ListOptions(format="jsonl"))
    lines = [json.loads(line) for line in listed.text.splitlines()]
    assert found.images.total() == len(lines) == 10 + 8
    assert len({(line["prompt"], line["seed"]) for line in lines}) == 18
    assert {line["result"]["nsfw_flagged"] for line in lines} == {False}


class _Text:
    text = ""

    def write(self, data: bytes, /) -> int:
        self.text += data.decode()
        return len(data)


def test_a_list_replaces_an_older_one_whole_and_nothing_else(
    drawn: Program, tmp_path: Path
) -> None:
    out = tmp_path / "list.jsonl"
    drawn.call("export", "night", str(out), "--where", "seed < 3")
    few = out.read_bytes()
    drawn.call("export", "night", str(out))
    whole = out.read_bytes()
    assert len(whole.splitlines()) == IMAGES > len(few.splitlines())
    link = tmp_path.with_name("link.jsonl")
    link.symlink_to(out)
    with list_file(link) as file:
        file.write(few)
    assert (link.is_symlink(), out.read_bytes()) == (True, few)
    drawn.call("export", "night", str(out))
    before = out.stat()
    drawn.call("export", "night", str(out))
    assert out.stat().st_mtime_ns == before.st_mtime_ns
    with pytest.raises(ZeroDivisionError), list_file(out) as file:
        file.write(b"half" * (1 // 0))
    assert out.read_bytes() == whole
    with list_file(out), pytest.raises(TryAgainError, match="Another export"), list_file(out):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["list.jsonl"]
    mine = tmp_path / "mine.csv"
    mine.write_text("prompt\na\n")
    said = drawn.call("export", "night", str(mine), code=73)
    assert "no export wrote it" in said.stderr
    for place, says in ((tmp_path, "is a folder"), (Path("/dev/null"), "is a device")):
        with pytest.raises(OutputError, match=says), list_file(place):
            pass


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["gone", "x.jsonl"], 66, "There is no batch 'gone'"),
        (["night", "x"], 2, "Add --format"),
        (["night", "x.csv", "--link", "hard"], 2, "--link is for folders"),
        (["night", "x.csv", "--shuffle", "0"], 2, "--shuffle is for folders"),
        (["night", "a" * 300 + ".csv"], 73, "File name too long"),
        (["night", "a" * 300, "--format", "kohya"], 73, "File name too long"),
        (["night", "-", "--format", "kohya"], 2, "cannot go to standard output"),
        (["night", "-", "--format", "csv", "--json"], 2, "where the list goes"),
        (["night", "x.csv", "--where", "seed = 99"], 66, "matches the condition"),
        (["night", "x.csv", "--where", "sed = 1"], 2, "sed"),
        (["night", "x.csv", "--caption", "{promt}"], 2, "promt"),
        (["night", "x.csv", "--caption", "{prompt"], 2, "stands alone"),
        (["night", "x.csv", "--split-salt", "x"], 2, "needs --split"),
        (["night", "x", "--format", "imagefolder", "--resize", "0"], 2, "is not a size"),
        (["night", "x", "--format", "imagefolder", "--resize", "8", "--link", "sym"], 2, "new file"),
        (["night", "x", "--format", "kohya", "--kohya-folder", "house"], 2, "10_house"),
        (["night", "x.csv", "--dedup", "phash:9"], 2, "phash:7"),
        (["night", "x.csv", "--dedup", "phash:6"], 2, "Run `sdq inspect night` first"),
        (["night", "x", "--format", "imagefolder", "--kohya-folder", "1_x"], 2, "for --format kohya"),
    ],
)  # fmt: skip
def test_what_cannot_be_exported_is_said_in_a_sentence_and_leaves_nothing(
    drawn: Program,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    said = drawn.call("export", *arguments, code=code)
    assert says in said.stderr, said.stderr
    assert not list(tmp_path.iterdir())


def test_a_batch_without_images_has_nothing_to_export(drawn: Program, tmp_path: Path) -> None:
    drawn.call("submit", "--prompt", "a lamp", "--batch", "empty")
    said = drawn.call("export", "empty", str(tmp_path / "x"), "--format", "imagefolder", code=66)
    assert "no finished images yet" in said.stderr
    assert not (tmp_path / "x").exists()


def test_what_is_missing_is_told_once_with_the_next_step(drawn: Program, tmp_path: Path) -> None:
    arguments = ["export", "night", str(tmp_path / "data"), "--format", "imagefolder"]
    file = drawn.home / "outputs" / drawn.drawn("night")[0].image.path
    data = file.read_bytes()
    file.unlink()
    said = drawn.call(*arguments, "--json", code=3)
    assert json.loads(said.stdout)["missing"] == 1
    assert "1 image has no file" in said.stderr
    assert "`sdq verify night`" in said.stderr
    file.write_bytes(data)
    again = json.loads(drawn.call(*arguments, "--json").stdout)
    assert (again["added"], again["samples"]) == (1, IMAGES)


def test_a_full_disk_is_said_and_the_next_export_goes_on(drawn: Program, tmp_path: Path) -> None:
    arguments = ["export", "night", str(tmp_path / "data"), "--format", "diffusiondb", "--resize", "512",
                 "--where", "seed = 7"]  # fmt: skip
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, before[1]))
    try:
        said = drawn.call(*arguments, code=74)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "Cannot write" in said.stderr
    assert not list((tmp_path / "data").rglob("*.png"))
    drawn.call(*arguments)
    assert len(list((tmp_path / "data").rglob("*.png"))) == 1
