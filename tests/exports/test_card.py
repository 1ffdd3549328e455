from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from sdq.exports.card.facts import CardFacts
from sdq.exports.card.front_matter import size_category
from sdq.exports.card.histogram import bins_of
from sdq.exports.card.origins import Origin
from sdq.exports.card.readme import write_card
from sdq.exports.card.tally import Tally
from tests.exports.drawn import image
from tests.ledger.plans import VARIANT


def tally(count: int) -> Tally:
    counted = Tally()
    for number in range(count):
        counted.add(image(number))
    return counted


def facts(count: int = 6) -> CardFacts:
    return CardFacts(
        title="night",
        format="webdataset",
        splits={"train": count - 2, "test": 2},
        tally=tally(count),
        origins={(VARIANT.model, VARIANT.revision): Origin(source="me/sd@abc", license="openrail")},
        left_out={"flagged by the safety checker": 3},
    )


def metadata(folder: Path) -> dict[str, object]:
    _, head, _ = (folder / "README.md").read_text().split("---\n", 2)
    read = yaml.safe_load(head)
    assert isinstance(read, dict)
    return read


def test_a_card_tells_people_what_is_in_it_and_programs_where_the_splits_are(
    tmp_path: Path,
) -> None:
    assert write_card(tmp_path, facts())
    read = metadata(tmp_path)
    assert read["configs"] == [
        {
            "config_name": "default",
            "data_files": [
                {"split": "train", "path": "train-*.tar"},
                {"split": "test", "path": "test-*.tar"},
            ],
        }
    ]
    assert read["size_categories"] == ["n<1K"]
    assert read["task_categories"] == ["text-to-image"]
    assert "license" not in read
    text = (tmp_path / "README.md").read_text()
    for said in (
        "6 images with their prompts",
        "| train | 4 |",
        f"| demo | {VARIANT.revision} | me/sd@abc | openrail | 6 |",
        "| steps | 20 (6) |",
        "| flagged by the safety checker | 3 |",
        "| `seed` | integer | seed |",
        "![Words of the prompt; 3 to 7, half of the images up to 5](card/words-of-the-prompt.svg)",
    ):
        assert said in text, said
    picture = (tmp_path / "card" / "words-of-the-prompt.svg").read_text()
    bars = ElementTree.fromstring(picture).findall(".//{http://www.w3.org/2000/svg}rect")
    assert len(bars) == 3


@pytest.mark.parametrize(
    ("form", "about"), [("kohya", "in a `.txt` file"), ("diffusiondb", "guidance scale `c`")]
)
def test_a_card_tells_of_no_columns_where_there_are_none(
    tmp_path: Path, form: str, about: str
) -> None:
    write_card(tmp_path, replace(facts(), format=form))
    text = (tmp_path / "README.md").read_text()
    assert about in text
    assert "sdq rerun" in text
    for unwanted in ("## Columns", "`seed` | integer", "DataFrame", "load_dataset"):
        assert unwanted not in text


def test_an_equal_card_is_left_alone_and_one_that_grew_is_written_anew(tmp_path: Path) -> None:
    write_card(tmp_path, facts())
    readme = tmp_path / "README.md"
    before = (readme.stat().st_ino, readme.read_bytes())
    write_card(tmp_path, facts())
    assert (readme.stat().st_ino, readme.read_bytes()) == before
    write_card(tmp_path, facts(8))
    assert "8 images" in readme.read_text()


def test_what_the_user_wrote_stays(tmp_path: Path) -> None:
    write_card(tmp_path, facts())
    readme = tmp_path / "README.md"
    text = readme.read_text().replace("pretty_name: night", "pretty_name: My nights  # mine")
    readme.write_text(
        text.replace("<!-- sdq begins", "Boats, mostly.\n\n<!-- sdq begins") + "\nThanks.\n"
    )
    write_card(tmp_path, facts(8))
    grown = readme.read_text()
    assert "pretty_name: My nights  # mine" in grown
    assert "Boats, mostly." in grown
    assert grown.endswith("\nThanks.\n")
    assert "8 images" in grown
    write_card(tmp_path, replace(facts(8), license="cc0-1.0"))
    assert metadata(tmp_path)["license"] == "cc0-1.0"
    assert metadata(tmp_path)["pretty_name"] == "My nights"


def test_a_readme_of_the_users_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    assert not write_card(tmp_path, facts())
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]
    assert (tmp_path / "README.md").read_text() == "mine"


def test_names_are_text_in_a_card_whatever_they_look_like(tmp_path: Path) -> None:
    strange = Tally.from_dict({**tally(6).to_dict(), "batch": {"a|b <img> [x](y)": 6}})
    conditions = ["seed < 5", "steps = 20"]
    write_card(tmp_path, replace(facts(), tally=strange, title="# *x*", conditions=conditions))
    text = (tmp_path / "README.md").read_text()
    assert "a&#124;b &#60;img&#62; &#91;x&#93;(y)" in text
    assert "for which this holds: seed &#60; 5 or steps = 20." in text
    assert "\n# &#35; &#42;x&#42;\n" in text


def test_measures_that_differ_have_a_histogram(tmp_path: Path) -> None:
    measured = Tally()
    for number in range(6):
        drawn = image(number)
        record = replace(drawn.image, brightness=0.1 * number, contrast=0.25)
        measured.add(replace(drawn, image=record))
    measured.add(image(6))  # not measured
    write_card(tmp_path, replace(facts(), tally=measured))
    pictures = {path.name for path in (tmp_path / "card").iterdir()}
    assert pictures == {"brightness.svg", "words-of-the-prompt.svg"}
    title = "Brightness: mean of the luma, 0 to 1; 0 to 0.5, half of the images up to 0.2"
    assert f"![{title}](card/brightness.svg)" in (tmp_path / "README.md").read_text()


def test_images_that_were_flagged_are_told_first(tmp_path: Path) -> None:
    counted = tally(6)
    drawn = image(6)
    counted.add(replace(drawn, image=replace(drawn.image, nsfw_flagged=True)))
    write_card(tmp_path, replace(facts(7), tally=counted))
    assert "The safety checker flagged 1 of them." in (tmp_path / "README.md").read_text()
    write_card(tmp_path, facts(8))
    assert "flagged 1" not in (tmp_path / "README.md").read_text()


def test_tallies_of_parts_add_up_and_survive_being_stored(tmp_path: Path) -> None:
    whole, parts = tally(6), Tally()
    for part in (range(4), range(4, 6)):
        one = Tally()
        for number in part:
            one.add(image(number))
        parts.merge(Tally.from_dict(json.loads(json.dumps(one.to_dict()))))
    assert parts.to_dict() == whole.to_dict()


@pytest.mark.parametrize(
    ("images", "category"),
    [(0, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (250_000, "100K<n<1M"), (10**9, "100M<n<1B")],
)
def test_the_size_is_named_as_the_hub_names_it(images: int, category: str) -> None:
    assert size_category(images) == category


@pytest.mark.parametrize(
    "numbers",
    [
        {7.0: 2},
        {1.0: 1, 2.0: 5},
        {0.013: 1, 0.5: 2, 0.977: 3},
        {-3.5: 1, 250.0: 9},
        {0.0: 1, 1e6: 1},
    ],
)
def test_a_histogram_counts_every_image_once(numbers: dict[float, int]) -> None:
    bins = bins_of(numbers)
    assert sum(one.images for one in bins) == sum(numbers.values())
    assert len(bins) <= 26
    assert bins[0].begin <= min(numbers)
    assert bins[-1].end >= max(numbers)
