"""`sdq sheet`: which images stand where."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from db.columns import parse_sort
from sdq.sheets.axis import axis_named
from sdq.sheets.cells import Axes, Cells
from sdq.sheets.places import Places
from sdq.sheets.plain import by_prompt
from sdq.sheets.rank import rank_of
from tests.sheets.conftest import Home, asked
from tests.sheets.reading import EMPTY, files_of, tiles_of


def crossed(home: Home, x: str, y: str, z: str | None = None, **limits: int) -> Cells:
    axes = Axes(
        x=axis_named(x), y=axis_named(y), z=axis_named(z) if z else None,
        **{"columns": 30, "rows": 40, "grids": 100, **limits},
    )  # fmt: skip
    cells = Cells(axes)
    for status in sorted(home.ledger.batches.statuses(), key=lambda status: status.id):
        for image in home.ledger.batches.images(status.id):
            cells.add(image, (status.id, image.entry, image.seed))
    return cells


def shown(home: Home, x: str, y: str, z: str | None = None, **limits: int) -> object:
    return [files_of(grid) for grid in crossed(home, x, y, z, **limits).grids(Path())]


def grid_of_steps(home: Home) -> None:
    entries = [
        asked(prompt, seeds=(0, 1), num_inference_steps=steps, scheduler=scheduler)
        for prompt in ("b", "a")
        for scheduler in ("PNDM", "DDIM")
        for steps in (30, 9)
    ]
    home.draw("night", *entries)


def test_without_axes_prompts_are_down_and_seeds_across(home: Home, tmp_path: Path) -> None:
    home.draw("night", asked("aa", seeds=range(1, 5)), asked("b", seeds=(1, 2)))
    out = tmp_path / "s.png"
    said = home("sheet", "night", str(out), "--thumb", "32", "--columns", "3")
    assert said.out == f"{out}\n"
    assert said.err == ""
    with Image.open(out) as sheet:
        assert tiles_of(sheet, 32) == [
            [(10 * seed, 100, 20) for seed in (1, 2, 3)],
            [(10 * seed, 100, 10) for seed in (1, 2)],
        ]


def test_rows_of_one_prompt_say_what_they_differ_in(home: Home) -> None:
    entries = [
        asked("a", num_inference_steps=9),
        asked("b"),
        asked("a", num_inference_steps=30, negative_prompt="fog"),
        asked("a", num_inference_steps=30, negative_prompt="rain"),
    ]
    home.draw("night", *entries)
    (status,) = home.ledger.batches.statuses()
    images = home.ledger.batches.first_images(status.id, 8)
    grid = by_prompt(images, Path(), rows=40, columns=8)
    assert [(row.caption, row.label) for row in grid.rows] == [
        ("a", "no negative prompt · steps 9"),
        ("b", ""),
        ("a", "negative prompt fog · steps 30"),
        ("a", "negative prompt rain · steps 30"),
    ]


def test_what_does_not_fit_is_said(home: Home, tmp_path: Path) -> None:
    home.draw("night", *(asked(prompt) for prompt in "abc"))
    said = home("sheet", "night", str(tmp_path / "s.png"), "--rows", "2", "--json")
    assert said.json["prompts"] == said.json["images"] == 2
    (remark,) = said.json["remarks"]
    assert remark == (
        "The first 2 rows with images are shown, of the 3 of night; --rows shows more."
    )
    assert said.err.strip() == remark
    assert home("sheet", "night", str(tmp_path / "s.png"), "--rows", "2", "-q").err == ""


def test_parameters_cross_on_three_axes(home: Home, tmp_path: Path) -> None:
    grid_of_steps(home)
    out = tmp_path / "s.png"
    said = home(
        "sheet", "night", str(out), "--thumb", "32", "--x", "steps", "--y", "scheduler", "--z", "prompt", "--where",
        "seed = 1",
    )  # fmt: skip
    assert said.err == ""
    with Image.open(out) as sheet:
        colours = [(10, 45, 10), (10, 150, 10)]
        assert tiles_of(sheet, 32) == [colours] * 4


def test_values_stand_in_their_order(home: Home) -> None:
    grid_of_steps(home)
    cells = crossed(home, "num-inference-steps", "scheduler", "prompt")
    assert cells.x.values == [9, 30]
    assert cells.y.values == ["PNDM", "DDIM"]  # as they were asked for
    assert cells.z.values == ["b", "a"]
    assert shown(home, "steps", "scheduler", "prompt") == [
        [["2-0", "1-0"], ["4-0", "3-0"]],
        [["6-0", "5-0"], ["8-0", "7-0"]],
    ]


def test_of_several_images_the_lowest_is_shown_and_said(home: Home, tmp_path: Path) -> None:
    home.draw("night", asked("a", seeds=(3, 4)), asked("b", seeds=(3, 4)))
    home.draw("late", asked("a", seeds=(1,)))
    assert shown(home, "scheduler", "prompt") == [[["1-3"], ["2-3"]]]
    said = home("sheet", "night", str(tmp_path / "s.png"), "--x", "scheduler", "--y", "prompt")
    assert said.err.strip() == (
        "Of images that share a tile, seed 3 of 2 is shown; add --z seed, or choose with --where."
    )


def test_a_tile_that_shows_another_value_says_so(home: Home, tmp_path: Path) -> None:
    entries = [asked(prompt, seeds=(3, 4)) for prompt in "abc"]
    home.draw("night", *entries, without=[(2, 3)])
    cells = crossed(home, "scheduler", "prompt")
    (grid,) = cells.grids(Path())
    assert files_of(grid) == [["1-3"], ["2-4"], ["3-3"]]
    assert [row.tiles[0].note for row in grid.rows] == ["", "seed 4", ""]
    said = home("sheet", "night", str(tmp_path / "s.png"), "--x", "scheduler", "--z", "model")
    assert said.err.strip() == (
        "Of images that share a tile, seed 3 of 2 is shown, unless the tile names another one; choose with --where."
    )


def test_the_axes_that_are_not_named_show_prompts_and_seeds(home: Home, tmp_path: Path) -> None:
    home.draw("night", asked("a", seeds=(1, 2)), asked("b", seeds=(1, 2)))
    out = tmp_path / "s.png"
    for options in (["--z", "scheduler"], ["--y", "prompt"], ["--x", "seed"]):
        home("sheet", "night", str(out), "--thumb", "32", *options)
        with Image.open(out) as sheet:
            assert tiles_of(sheet, 32) == [[(10, 100, 10), (20, 100, 10)]] * 2


def test_a_missing_combination_is_an_empty_tile(home: Home, tmp_path: Path) -> None:
    entries = [asked("a", seeds=(0, 1)), asked("b", seeds=(0, 1))]
    home.draw("night", *entries, without=[(2, 0)])
    out = tmp_path / "s.png"
    said = home("sheet", "night", str(out), "--thumb", "32", "--x", "seed", "--y", "prompt")
    assert said.err.strip() == "1 of 4 tiles are empty: no finished image belongs there."
    with Image.open(out) as sheet:
        assert tiles_of(sheet, 32)[1] == [EMPTY, (10, 100, 10)]


def test_batches_stand_side_by_side(home: Home, tmp_path: Path) -> None:
    home.draw("one", asked("a", seeds=(0, 1)))
    home.draw("two", asked("a", seeds=(0, 1), guidance_scale=2.5))
    assert shown(home, "seed", "batch") == [[["1-0", "1-1"], ["1-0", "1-1"]]]
    assert [grid.rows[1].label for grid in crossed(home, "seed", "cfg_scale").grids(Path())] == [
        "guidance 7.5"
    ]
    said = home("sheet", "one", "two", "one", str(tmp_path / "s.pdf"), "--json")
    assert (said.json["images"], said.json["pages"]) == (4, 2)


def test_own_fields_and_choices_of_templates_are_axes(home: Home) -> None:
    def made(animal: str, strength: str) -> dict[str, object]:
        choices = [["__animal__", animal], ["{big|small}", "big"]]
        return {
            "meta": {"strength": strength},
            "dynamic": {"template": "a {big|small} __animal__", "choices": choices},
        }

    animals = [("cat", "10"), ("dog", "9"), ("cat", "strong"), ("dog", "8.5")]
    entries = [
        asked(f"{number}", fields=made(*animal))  # type: ignore[arg-type]
        for number, animal in enumerate(animals)
    ]
    home.draw("night", *entries, asked("without"))
    assert shown(home, "meta.strength", "__animal__") == [
        [["", "", "1-0", "3-0", ""], ["4-0", "2-0", "", "", ""], ["", "", "", "", "5-0"]]
    ]
    (grid,) = crossed(home, "meta.strength", "__animal__", "{big|small}").grids(Path())[:1]
    assert grid.heading == "big"
    assert grid.columns == [
        *(f"meta.strength {text}" for text in ("8.5", "9", "10", "strong")),
        "no meta.strength",
    ]
    assert [row.label for row in grid.rows] == ["cat", "dog", "no __animal__"]


def test_an_order_puts_the_first_images_on_the_sheet(home: Home, tmp_path: Path) -> None:
    home.draw("night", asked("a", seeds=range(6)), denoise_ms=lambda seed: (seed * 5) % 6)
    out = tmp_path / "s.png"
    said = home(
        "sheet", "night", str(out), "--thumb", "32", "--sort", "-denoise_ms", "--columns", "2", "--rows", "2", "--json"
    )  # fmt: skip
    assert said.json["images"] == 4
    with Image.open(out) as sheet:
        seeds = [[colour[0] // 10 for colour in line] for line in tiles_of(sheet, 32)]
    assert seeds == [[1, 2], [3, 4]]
    home(
        "sheet",
        "night",
        str(out),
        "--thumb",
        "32",
        "--y",
        "prompt",
        "--x",
        "scheduler",
        "--sort",
        "denoise_ms",
    )
    with Image.open(out) as sheet:
        assert tiles_of(sheet, 32)[0][0] == (0, 100, 10)


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (["--x", "stepz"], 2, "--x: The list of columns cannot be read: unknown column stepz"),
        (["--x", "seed,steps"], 2, "--x: An axis shows one column, not 2"),
        (["--x", "steps", "--y", "num_inference_steps"], 2, "a column of its own"),
        (["--x", "meta.stile"], 66, "No image has meta.stile."),
        (["--x", "{a|c}"], 66, "No image has {a|c}."),
        (["--where", "seed > 7"], 66, "No finished image of 'night' matches --where."),
    ],
)
def test_what_cannot_be_shown(
    home: Home, tmp_path: Path, options: list[str], code: int, says: str
) -> None:
    home.draw("night", asked("a"))
    assert says in home("sheet", "night", str(tmp_path / "s.png"), *options, code=code).err
    assert not (tmp_path / "s.png").exists()


def test_the_format_is_refused_before_anything_is_read(home: Home) -> None:
    assert "not 'night.gif'" in home("sheet", "gone", "night.gif", code=2).err
    assert "Missing argument 'OUT'" in home("sheet", "night", code=2).err


def test_ranks_are_the_order_of_the_ledger(home: Home) -> None:
    fields = [{"meta": {"n": value}} for value in (2, "b", None, 1.5, "A", 2)]
    entries = [asked(f"{number}", fields=field) for number, field in enumerate(fields)]  # type: ignore[arg-type]
    home.draw("night", *entries, asked("without", seeds=(3, 1)))
    images = list(home.ledger.batches.images("night"))
    for text in ("meta.n", "-meta.n", "-seed,meta.n"):
        sort = parse_sort(text)
        by_ledger = [image.id for image in home.ledger.batches.images("night", sort=sort)]
        by_rank = sorted(images, key=lambda image: rank_of(image, sort))
        assert [image.id for image in by_rank if image.seed == 0] == [
            image_id for image_id in by_ledger if image_id in {i.id for i in images if i.seed == 0}
        ]


def test_an_order_of_images_leaves_the_axes_in_theirs(home: Home, tmp_path: Path) -> None:
    home.draw("night", *(asked(prompt, seeds=(0, 1)) for prompt in ("aa", "a")), denoise_ms=float)
    out = tmp_path / "s.png"
    home(
        "sheet", "night", str(out), "--thumb", "32", "--x", "scheduler", "--y", "prompt", "--sort",
        "-denoise_ms,-prompt",
    )  # fmt: skip
    with Image.open(out) as sheet:
        assert tiles_of(sheet, 32) == [[(10, 100, 20)], [(10, 100, 10)]]


def test_places_keep_the_first_in_any_order() -> None:
    for values in ([5, 1, 9, 3, 1, 7], [9, 7, 5, 3, 1], [None, "x", 1, "y", 3, 2.5]):
        places = Places(3)
        taken = [places.take(value) for value in values]
        assert taken[0]
        expected = [1, 3, 5] if isinstance(values[0], int) else [1, 2.5, 3]
        assert places.values == expected
    assert Places(2).count_text == "0"
