"""Pictures that prompt lines name: found, checked, and a part of the recipe."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from db.values import BatchPlan
from producer import Defaults, plan_batch, read_prompts
from producer.planning.grid import Grid, parse_values
from producer.planning.pictures import Pictures
from sdq.submitting.pictures import left_out, pictures_named, refuse_as_prompts
from sdq_core.errors import InputError, InputMissingError, PackageError, PromptFileError, UsageError
from sdq_core.inputs.store import InputStore
from sdq_core.models import ModelStore, resolver
from sdq_core.models.folder import VariantFolder
from sdq_core.values.variants import AttentionImplementation, ComputeUnit

ORIGINAL = AttentionImplementation.ORIGINAL


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, colour in (("cat.png", "red"), ("dog.png", "blue")):
        Image.new("RGB", (8, 8), colour).save(tmp_path / name)
    Image.effect_noise((64, 64), 90).save(tmp_path / "broken.png")
    (tmp_path / "broken.png").write_bytes((tmp_path / "broken.png").read_bytes()[:2000])
    (tmp_path / "notes.txt").write_text("no picture")
    return tmp_path


def plan(folder: Path, text: str, name: str = "p.csv", **options: object) -> BatchPlan:
    file = folder / name
    file.write_text(text)
    defaults = Defaults(model="demo", variants=(ORIGINAL,), compute_unit=ComputeUnit.ALL, **options)  # type: ignore[arg-type]
    return plan_batch(
        read_prompts([file]),
        defaults,
        resolver(ModelStore(folder / "models")),
        pictures=Pictures(InputStore(folder / "inputs")),
    )


def test_a_table_names_pictures_beside_itself(folder: Path) -> None:
    made = plan(
        folder, "prompt,init_image,strength,mask\na,cat.png,0.25,\nb,dog.png,,cat.png\nc,,,\n"
    )
    one, two, three = (entry.recipe.conditions for entry in made.entries)
    cat, dog = (picture.sha256 for picture in made.pictures)
    assert (one.init_image, one.strength, one.mask) == (cat, 0.25, None)
    assert (two.init_image, two.strength, two.mask) == (dog, 0.5, cat)
    assert not three
    assert [dict(entry.fields) for entry in made.entries] == [
        {"pictures": {"init_image": "cat.png"}},
        {"pictures": {"init_image": "dog.png", "mask": "cat.png"}},
        {},
    ]
    assert not (folder / "inputs").exists()  # nothing is stored by planning


def test_every_wrong_picture_is_reported_with_its_line(folder: Path) -> None:
    lines = [
        '{"prompt": "a", "init_image": "none.png"}',
        '{"prompt": "b", "init_image": "broken.png"}',
        '{"prompt": "c", "init_image": "notes.txt"}',
        '{"prompt": "d", "init_image": "cat.png", "strength": 0.1, "steps": 4}',
        '{"prompt": "e", "strength": 0.5}',
        '{"prompt": "f", "mask": "cat.png"}',
        '{"prompt": "g", "init_image": "."}',
        '{"prompt": "h", "init_image": "cat.png", "mask": "none.png"}',
        '{"prompt": "i", "init_image": "sha256:%s"}' % ("0" * 64),
        '{"prompt": "j", "init_image": "cat.png", "strength": 0.07, "steps": 4, "scheduler": "LCM"}',
    ]
    with pytest.raises(PromptFileError) as refused:
        plan(folder, "\n".join(lines), "p.jsonl")
    said = "\n".join(refused.value.problems)
    for number, what in enumerate(
        (
            "does not exist",
            "is damaged or cut off",
            "is not a picture that can be read",
            "strength 0.1 of 4 steps leaves no step to draw; use 0.25 or more, or more steps",
            "strength is of a picture; name one as init_image",
            "mask is of a picture",
            "is a folder",
            "does not exist",
            "is not among the inputs of this data folder",
            "strength 0.07 is too little for 4 steps of LCM; use 0.08 or more, or fewer steps",
        ),
        1,
    ):
        assert f"p.jsonl:{number}: " in said
        assert what in refused.value.problems[number - 1]


@pytest.mark.parametrize("value", ["0", "1.5", "-1", "nan", "high"])
def test_a_strength_is_over_0_to_1(folder: Path, value: str) -> None:
    with pytest.raises(PromptFileError, match="strength"):
        plan(folder, f"prompt,init_image,strength\na,cat.png,{value}\n")


def test_lists_of_pictures_and_strengths_are_grids(folder: Path) -> None:
    made = plan(
        folder,
        "init_image: [cat.png, dog.png]\nstrength: [0.25, 1]\nprompts: [a, b]\n",
        "p.yaml",
    )
    assert [
        (e.recipe.prompt, e.fields["pictures"]["init_image"], e.recipe.conditions.strength)  # type: ignore[index,call-overload]
        for e in made.entries
    ] == [(p, i, s) for p in "ab" for i in ("cat.png", "dog.png") for s in (0.25, 1.0)]
    assert parse_values("strength", "0.3,0.5") == (0.3, 0.5)
    with pytest.raises(InputError, match="may be one number or two"):
        parse_values("strength", "0,5")
    both = Grid({"init_image": ("cat.png", "dog.png")})
    defaults = Defaults(model="demo", variants=None, compute_unit=None)
    lines = both.lines(read_prompts(texts=["a"]), defaults, 9)
    assert [line.init_image for line in lines] == ["cat.png", "dog.png"]


def test_the_command_names_files_folders_and_patterns(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    for name in ("10.png", "9.PNG", ".hidden.png"):
        Image.new("RGB", (1, 1)).save(folder / name, "PNG")
    everything = ["9.PNG", "10.png", "broken.png", "cat.png", "dog.png"]
    assert [Path(each).name for each in pictures_named(["."])] == everything
    assert [Path(each).name for each in pictures_named(["*t.png", "cat.png"])] == ["cat.png"]
    assert pictures_named(["dog.png"]) == [str(folder / "dog.png")]
    (folder / "empty").mkdir()
    with pytest.raises(InputError, match="there is no picture in the folder"):
        pictures_named(["empty"])
    with pytest.raises(InputError, match="no picture fits the pattern"):
        pictures_named(["*.webp"])
    with pytest.raises(InputMissingError, match="There is no picture"):
        pictures_named(["bird.png"])
    with pytest.raises(InputMissingError, match="Cannot look for the picture"):
        pictures_named(["x" * 300])
    with pytest.raises(UsageError, match="Put quotes around a pattern"):
        refuse_as_prompts(["dog.png"], ["cat.png"])


def test_pictures_of_a_folder_that_are_not_read_are_said(folder: Path) -> None:
    (folder / "IMG_1.HEIC").write_bytes(b"heic")
    assert "IMG_1.HEIC" not in {Path(each).name for each in pictures_named([str(folder)])}
    assert left_out([str(folder), str(folder / "cat.png")]) == [
        f"{folder}: 1 picture left out, such as 'IMG_1.HEIC'; make JPEGs of them"
    ]
    # Where there is nothing else, each is refused with its reason later.
    (folder / "phone").mkdir()
    (folder / "IMG_1.HEIC").rename(folder / "phone" / "IMG_1.HEIC")
    assert pictures_named([str(folder / "phone")]) == [str(folder / "phone" / "IMG_1.HEIC")]
    assert left_out([str(folder)]) == []


def test_the_name_of_a_kept_picture_is_text_whatever_a_file_calls_it(folder: Path) -> None:
    (cat,) = plan(folder, "prompt,init_image\na,cat.png\n").pictures
    InputStore(folder / "inputs").keep(cat)
    text = f'{{"prompt": "a", "init_image": "sha256:{cat.sha256}/\\u001b[31m.png"}}'
    (entry,) = plan(folder, text, "p.jsonl").entries
    assert entry.fields == {"pictures": {"init_image": r"\x1b[31m.png"}}


def test_brackets_in_the_current_folders_name_are_no_pattern(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "[2026] nights").mkdir()
    (folder / "cat.png").rename(folder / "[2026] nights" / "cat.png")
    monkeypatch.chdir(folder / "[2026] nights")
    assert [Path(each).name for each in pictures_named(["c*.png"])] == ["cat.png"]


def test_the_home_folder_may_be_named_where_no_shell_looks(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(folder))
    text = "prompt,init_image,mask\na,~/cat.png,~/dog.png\nb,cat.png,dog.png\n"
    one, other = (entry.recipe for entry in plan(folder, text).entries)
    assert one.conditions == other.conditions
    assert pictures_named(["~/cat.png", "~/c*.png"]) == [str(folder / "cat.png")]


def test_a_model_without_an_encoder_is_refused_before_anything_is_queued(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(self: VariantFolder) -> None:
        raise PackageError("Model demo has no VAE encoder.")

    plan(folder, "prompt,init_image\na,cat.png\n")
    monkeypatch.setattr(VariantFolder, "check_encoder", check)
    with pytest.raises(PromptFileError, match=r"p\.csv:2: Model demo has no VAE encoder"):
        plan(folder, "prompt,init_image\na,cat.png\n")
    plan(folder, "prompt\na\n")
