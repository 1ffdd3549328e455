"""ControlNets that prompt lines name: read, found, checked against the model, and a part of the recipe."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from db.values import BatchPlan
from producer import Defaults, plan_batch, read_prompts
from producer.again import recipe_line
from producer.planning.pictures import Pictures
from producer.reading.controlnets import Following, parse_following
from sdq.submitting.pictures import followings
from sdq_core.errors import InputError, PromptFileError
from sdq_core.inputs.store import InputStore
from sdq_core.models import ModelStore, resolver
from sdq_core.models.controlnet import ControlNets
from sdq_core.values.annotators import Annotator
from sdq_core.values.recipes import Recipe
from sdq_core.values.variants import AttentionImplementation, ComputeUnit
from tests.tiny_controlnet import put_tiny_models

DIGITS = "1" * 64


@pytest.mark.parametrize(
    ("written", "parts"),
    [
        ("edges:a.png", ("edges", "a.png", 1, 0, 1)),
        ("edges:a.png:0.8", ("edges", "a.png", 0.8, 0, 1)),
        ("edges:a:b.png:.5:0-0.5", ("edges", "a:b.png", 0.5, 0, 0.5)),
        (f"edges:sha256:{DIGITS}", ("edges", f"sha256:{DIGITS}", 1, 0, 1)),
        ("edges:canny(a(1).png):.5", ("edges", "a(1).png", 0.5, 0, 1)),
        (f"edges:canny(sha256:{DIGITS}/a.png)", ("edges", f"sha256:{DIGITS}/a.png", 1, 0, 1)),
        (f"edges:sha256:{DIGITS}/a.png:2:0.25-1", ("edges", f"sha256:{DIGITS}/a.png", 2, 0.25, 1)),
    ],
)
def test_a_controlnet_is_read_and_written_the_same(
    written: str, parts: tuple[str, str, float, float, float]
) -> None:
    found = parse_following(written)
    assert (found.name, found.picture, found.scale, found.start, found.end) == parts
    assert found.annotator == ("canny" if "canny" in written else None)
    assert parse_following(str(found)) == found


@pytest.mark.parametrize(
    ("written", "said"),
    [
        *(
            (written, "cannot be read; write NAME:PICTURE")
            for written in (
                "edges",
                "edges:a.png:-1",
                "edges:a.png:80%",
                "edges:a.png:nan",
                "edges:a.png:1e1",
                "edges::0.5",
                "edges:a.png:0.8:0.5",
                "edges:a.png:1:-0.1-1",
                "edges:a.png:0.3,0.5",
                f"edges:sha256:{DIGITS}/a.png:-1",
            )
        ),
        ("edges:a.png:11", "is more than 10"),
        ("edges:a.png:1:0.5-0.5", "is not part of the steps"),
        ("edges:a.png:1:0-2", "is not part of the steps"),
    ],
)
def test_what_is_no_controlnet_is_refused(written: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        parse_following(written)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    put_tiny_models(tmp_path / "models")
    for name, colour in (("cat.png", "red"), ("dog.png", "blue")):
        Image.new("RGB", (8, 8), colour).save(tmp_path / name)
    return tmp_path


def plan(folder: Path, text: str, name: str = "p.jsonl", **options: object) -> BatchPlan:
    (folder / name).write_text(text)
    defaults = Defaults(
        **{"model": "tiny", "variants": (AttentionImplementation.ORIGINAL,), "compute_unit": ComputeUnit.ALL}
        | options  # type: ignore[arg-type]
    )  # fmt: skip
    return plan_batch(
        read_prompts([folder / name]),
        defaults,
        resolver(ModelStore(folder / "models")),
        pictures=Pictures(InputStore(folder / "inputs")),
        controlnets=ControlNets(folder / "models"),
    )


def test_lines_name_several_and_an_empty_list_is_none(folder: Path) -> None:
    made = plan(
        folder,
        '{"prompt": "a", "controlnet": ["sdq_edges:cat.png:0.5", "sdq_depth:dog.png:1:0-0.5"]}\n'
        '{"prompt": "b", "controlnet": []}\n{"prompt": "c"}\n',
        controlnets=(Following(name="sdq_depth", picture=str(folder / "cat.png")),),
    )
    two, none, default = (entry.recipe.conditions.controlnets for entry in made.entries)
    cat, dog = (picture.sha256 for picture in made.pictures)
    assert [(use.name, use.image, use.scale, use.end) for use in two] == [
        ("sdq_edges", cat, 0.5, 1),
        ("sdq_depth", dog, 1, 0.5),
    ]
    assert (none, [use.image for use in default]) == ((), [cat])
    assert two[0].revision == ControlNets(folder / "models").find("sdq_edges").revision
    assert made.entries[0].fields == {"pictures": {"controlnets": ["cat.png", "dog.png"]}}
    line = recipe_line(made.entries[0].recipe, [0], "x", **made.entries[0].fields)  # type: ignore[arg-type]
    assert line.controlnets is not None
    assert [str(each) for each in line.controlnets] == [
        f"sdq_edges:sha256:{cat}/cat.png:0.5",
        f"sdq_depth:sha256:{dog}/dog.png:1:0-0.5",
    ]


def test_a_photo_is_followed_by_its_map_and_both_are_kept(folder: Path) -> None:
    photo = Image.new("RGB", (300, 200), "white")
    photo.paste("black", (100, 50, 200, 150))
    photo.save(folder / "house.jpg")
    text = (
        '{"prompt": "a", "controlnet": ["sdq_edges:canny(house.jpg):0.5", "sdq_depth:house.jpg"]}\n'
    )
    made = plan(folder, text)
    edges, depth = made.entries[0].recipe.conditions.controlnets
    assert edges.image != edges.source == depth.image
    assert (edges.annotator, depth.annotator) == ("canny", None)
    store = InputStore(folder / "inputs")
    for picture in made.pictures:
        store.keep(picture)
    found = store.find(edges.image)
    assert found is not None
    with Image.open(found) as edge_map:
        # The house's outline, in the size that the model draws, and nothing else.
        assert (edge_map.size, edge_map.mode) == ((96, 64), "1")
        assert edge_map.getbbox() == (31, 16, 64, 48)
        assert 120 < edge_map.histogram()[255] < 140
    (folder / "house.jpg").unlink()
    again = recipe_line(made.entries[0].recipe, [0], "x", **made.entries[0].fields)  # type: ignore[arg-type]
    written = "; ".join(map(str, again.controlnets or ()))
    assert written.startswith(f"sdq_edges:canny(sha256:{edges.source}/house.jpg):0.5; sdq_depth:")
    exported = plan(folder, f"prompt,controlnet\na,{written}\n", "again.csv")
    assert exported.entries[0].recipe == made.entries[0].recipe
    assert Recipe.from_dict(made.entries[0].recipe.to_dict()) == made.entries[0].recipe
    assert made.entries[0].recipe.conditions.inputs == (edges.image, edges.source)


def test_a_photo_that_cannot_be_read_has_no_map(folder: Path) -> None:
    with pytest.raises(PromptFileError, match=r"controlnet .* is not a picture"):
        plan(folder, '{"prompt": "a", "controlnet": "sdq_edges:canny(p.jsonl)"}\n')
    (cat, _) = plan(folder, '{"prompt": "a", "controlnet": "sdq_edges:canny(cat.png)"}\n').pictures
    store = InputStore(folder / "inputs")
    store.keep(cat)
    kept = store.find(cat.sha256)
    assert kept
    kept.write_bytes(b"damaged")
    with pytest.raises(PromptFileError, match=rf"p.jsonl:1: {kept} was changed since it was"):
        plan(
            folder,
            f'{{"prompt": "a", "controlnet": "sdq_edges:canny(sha256:{cat.sha256}/cat.png)"}}\n',
        )


def test_a_table_separates_them_by_semicolons(folder: Path) -> None:
    made = plan(folder, "prompt,controlnet\na,sdq_edges:cat.png; sdq_depth:dog.png:2\n", "p.csv")
    assert [use.scale for use in made.entries[0].recipe.conditions.controlnets] == [1, 2]


def test_what_cannot_be_drawn_is_refused_with_its_line(folder: Path) -> None:
    with pytest.raises(PromptFileError) as error:
        plan(
            folder,
            '{"prompt": "a", "controlnet": "lines:cat.png"}\n'
            '{"prompt": "b", "controlnet": "sdq_edges:none.png"}\n'
            '{"prompt": "c", "model": "demo", "controlnet": "sdq_edges:cat.png"}\n',
        )
    unknown, missing, model = error.value.problems
    assert (
        "p.jsonl:1: There is no ControlNet 'lines' here, only demo-edges, sdq_depth, sdq_edges."
        in unknown
    )
    assert f"{folder}/p.jsonl:2: controlnet" in missing
    assert "does not exist" in missing
    assert "Model demo has no U-Net for ControlNets. Use --model demo-turbo." in model


def test_a_controlnet_that_would_work_in_no_step_is_refused(folder: Path) -> None:
    lines = [
        f'{{"prompt": "a", "controlnet": "sdq_edges:cat.png:1:0-0.2", "steps": {steps}, "scheduler": "{scheduler}"}}'
        for steps, scheduler in ((4, "DDIM"), (5, "DDIM"), (4, "PNDM"), (3, "PNDM"))
    ]
    with pytest.raises(PromptFileError) as refused:
        plan(folder, "\n".join(lines))
    assert [said.partition(": ")[2] for said in refused.value.problems] == [
        f"0-0.2 has none of the {steps} steps, so the ControlNet sdq_edges would do nothing; name a larger part, or "
        "more steps"
        for steps in (4, 4)
    ]


def test_of_several_folders_pictures_of_one_name_belong_together(tmp_path: Path) -> None:
    for path in ("edges/1.png", "edges/2.png", "depth/1.jpg", "depth/2.jpg", "one.png"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / path)
    given = [f"e:{tmp_path}/edges", f"d:{tmp_path}/depth:0.5", f"s:{tmp_path}/one.png"]
    found = followings(given)
    annotated = followings(given, Annotator.CANNY)
    assert [{each.annotator for each in image} for image in annotated] == [{Annotator.CANNY}] * 2
    assert [[Path(each.picture).name for each in image] for image in found] == [
        ["1.png", "1.jpg", "one.png"],
        ["2.png", "2.jpg", "one.png"],
    ]
    # A folder with one picture is a folder all the same.
    (tmp_path / "depth" / "2.jpg").rename(tmp_path / "2.jpg")
    with pytest.raises(InputError, match="there is no picture '2' in all of the folders"):
        followings([f"e:{tmp_path}/edges", f"d:{tmp_path}/depth"])
    (tmp_path / "2.jpg").rename(tmp_path / "depth" / "3.jpg")
    with pytest.raises(InputError, match="there is no picture '2' in all of the folders"):
        followings([f"e:{tmp_path}/edges", f"d:{tmp_path}/depth"])
    Image.new("RGB", (8, 8)).save(tmp_path / "edges" / "1.jpg")
    with pytest.raises(InputError, match="have the same name"):
        followings([f"e:{tmp_path}/edges"])
