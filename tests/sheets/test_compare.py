"""`sdq compare`: which images are partners, what they differ in, and the page that shows it."""

from __future__ import annotations

import base64
import hashlib
import io
import math
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from sdq_core.values.recipes import Recipe
from tests.report.html import Element, read_page
from tests.sheets.conftest import SPLIT, Home, asked


def shade(value: int) -> object:
    """Images of one grey, by seed."""

    def colour(recipe: Recipe, seed: int) -> tuple[int, int, int]:
        return (100 + value * seed,) * 3

    return colour


@pytest.fixture
def two(home: Home) -> Home:
    """Two batches of the same prompts, drawn with two variants: equal for seed 0, further apart for 1 and 2."""
    home.draw("one", *(asked(prompt, seeds=range(3)) for prompt in "ab"), colour=shade(0))
    entries = [asked(prompt, seeds=range(3), variant=SPLIT) for prompt in "abc"]
    home.draw("other", *entries, colour=shade(10), without=[(2, 2)])
    return home


def test_partners_have_the_same_prompt_and_seed(two: Home) -> None:
    (found,) = two("compare", "one", "other", "--json").json["comparisons"]
    assert (found["pairs"], found["equal"], found["not_comparable"]) == (5, 2, 0)
    assert found["without_partner"] == [1, 3]
    worst, *others = found["least_similar"]
    assert (worst["prompt"], worst["seed"], worst["equal"]) == ("a", 2, False)
    assert worst["psnr_db"] == pytest.approx(20 * math.log10(255 / 20), abs=0.001)
    assert [pair["psnr_db"] and round(pair["psnr_db"], 1) for pair in others] == [
        28.1,
        28.1,
        None,
        None,
    ]
    assert worst["one"] == {"batch": "one", "entry": 1, "path": "one/1-2.png"}
    assert found["median_psnr_db"] == pytest.approx(20 * math.log10(25.5), abs=0.001)
    assert found["differences"] == {"variant": [["original"], ["split_einsum"]]}
    assert found["same"]["steps"] == "20"
    assert found["same"]["machine"] == "h"


def test_what_is_said_names_the_least_similar(two: Home) -> None:
    lines = two("compare", "one", "other", "--limit", "1").out.splitlines()
    assert lines == [
        "one and other: 5 pairs, 2 equal",
        "  median 28.1 dB, worst 22.1 dB",
        "  variant: original | split_einsum",
        "  without a partner: 1 of one and 3 of other",
        "    22.1 dB  one/1/2 and other/1/2  a",
    ]


def test_settings_that_both_have_are_the_same_in_a_pair(home: Home) -> None:
    steps = [asked("a", num_inference_steps=steps) for steps in (9, 20, 30)]
    home.draw("one", *steps, colour=shade(1))
    home.draw(
        "other",
        *(replace(entry, recipe=replace(entry.recipe, variant=SPLIT)) for entry in steps[1:]),
    )
    (found,) = home("compare", "one", "other", "--json").json["comparisons"]
    assert found["pairs"] == 2
    assert found["without_partner"] == [1, 0]
    assert {(pair["one"]["entry"], pair["other"]["entry"]) for pair in found["least_similar"]} == {
        (2, 1),
        (3, 2),
    }


def test_a_column_makes_sides_within_a_batch(home: Home) -> None:
    entries = [
        asked("a", scheduler=scheduler, num_inference_steps=steps)
        for scheduler in ("PNDM", "DDIM", "EulerDiscrete")
        for steps in (9, 20)
    ]
    home.draw("night", *entries)
    found = home("compare", "night", "--by", "scheduler", "--json").json["comparisons"]
    assert [(one["one"], one["other"], one["pairs"], one["equal"]) for one in found] == [
        ("PNDM", "DDIM", 2, 2),
        ("PNDM", "EulerDiscrete", 2, 2),
    ]
    (found,) = home(
        "compare", "night", "--by", "steps", "--where", "scheduler = 'DDIM'", "--json"
    ).json["comparisons"]
    assert (found["one"], found["other"], found["pairs"]) == ("steps 9", "steps 20", 1)


def test_images_that_cannot_be_compared_are_counted(home: Home) -> None:
    home.draw("one", asked("a", seeds=(1, 2)), colour=shade(1), side=32)
    home.draw("other", asked("a", seeds=(1, 2), variant=SPLIT), colour=shade(2), side=16)
    (home.folder / "outputs/one/1-1.png").unlink()
    said = home("compare", "one", "other").out
    assert "2 pairs, 2 not comparable" in said
    assert "median not comparable, worst not comparable" in said
    home("compare", "one", "other", str(file := home.folder / "page.html"))
    assert read_page(file.read_text(encoding="utf-8")).one("h1").text == "2 pairs, none comparable"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ([], 2, "Name two batches, or one with --by"),
        (["one"], 2, "Name two batches, or one with --by"),
        (["page.html"], 2, "Name two batches, or one with --by"),
        (["one", "one"], 66, "There is nothing to compare: one has only one."),
        (
            ["one", "--by", "scheduler"],
            66,
            "There is nothing to compare: one has only DPMSolverMultistep.",
        ),
        (["one", "--by", "schedulr"], 2, "--by: The list of columns cannot be read"),
        (["one", "--by", "seed"], 2, "`sdq sheet one sheet.png --x seed`"),
        (["one", "--by", "entry"], 66, "No image of 'entry 1' has a partner in 'entry 2'"),
        (
            ["one", "other", "--where", "batch = 'one'"],
            66,
            "other has no finished images to compare.",
        ),
    ],
)
def test_what_cannot_be_compared(two: Home, arguments: list[str], code: int, says: str) -> None:
    assert says in two("compare", *arguments, code=code).err


def pictures(page: Element) -> list[Image.Image]:
    found = []
    for image in page.all("img"):
        assert image.attributes["alt"]
        data = image.attributes["src"].partition("base64,")[2]
        found.append(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))
    return found


def test_a_page_shows_each_pair_in_one_place(two: Home, tmp_path: Path) -> None:
    file = tmp_path / "pages" / "Flip.HTML"
    assert two("compare", "one", "other", str(file), "--limit", "2").out == f"{file}\n"
    page = read_page(file.read_text(encoding="utf-8"))
    assert page.one("h1").text == "5 pairs, the least similar at 22.1 dB"
    pairs = page.one("ul", class_="pairs").all("li")
    assert [pair.one("span", class_="ratio").text for pair in pairs] == ["22.1 dB", "28.1 dB"]
    one, other, difference, *_ = pictures(page)
    for picture, value in ((one, 100), (other, 120), (difference, 160)):
        assert picture.getpixel((5, 5)) == pytest.approx((value,) * 3, abs=3)
    switch, slider = pairs[0].all("input")
    assert switch.attributes == {"type": "checkbox", "aria-label": "Show other: a"}
    assert slider.attributes["aria-label"] == "Slide: a"
    views = page.one("fieldset").all("input", type="radio")
    assert [view.attributes["value"] for view in views] == ["flip", "beside", "slide", "difference"]
    assert ["checked" in view.attributes for view in views] == [True, False, False, False]


def test_a_page_asks_nobody_and_runs_its_own_script_only(two: Home, tmp_path: Path) -> None:
    file = tmp_path / "flip.html"
    two("compare", "one", "other", str(file))
    text = file.read_text(encoding="utf-8")
    page = read_page(text)
    script = page.one("script").text
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = (m for m in page.all("meta") if m.attributes.get("http-equiv"))
    assert policy.attributes["content"] == (
        f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{digest}'"
    )
    assert all(image.attributes["src"].startswith("data:image/") for image in page.all("img"))
    assert "url(" not in text
    assert "://" not in text.replace(page.one("style").text, "")


def test_a_prompt_cannot_become_markup(home: Home, tmp_path: Path) -> None:
    prompt = "</script><script>alert(1)</script> \"' & \x1b[31m"
    home.draw("one", asked(prompt))
    home.draw("other", asked(prompt, variant=SPLIT), nsfw_flagged=True)
    file = tmp_path / "flip.html"
    home("compare", "one", "other", str(file))
    page = read_page(file.read_text(encoding="utf-8"))
    assert len(page.all("script")) == 1
    assert page.one("h1").text == "Pixel for pixel the same"
    assert [image.attributes["alt"][:6] for image in page.all("img")] == ["one: <", "Hidden"]
