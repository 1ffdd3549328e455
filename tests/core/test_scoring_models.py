"""Models of two encoders score pictures: they are added, listed as what they are, and nothing is drawn with them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sdq_core.errors import InputMissingError, PackageError
from sdq_core.models import ModelStore, read_network
from sdq_core.models.declared import Part
from sdq_core.models.inventory import skipped
from sdq_core.models.layout import choose_kind
from sdq_core.models.scoring import encoders_in, read_scoring_model
from tests.core.commands import Commands
from tests.core.small_packages import DEMO, description
from tests.quality.encoders import SIDE, write_encoders

MODEL = "Data/com.apple.CoreML/model.mlmodel"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoders(tmp_path_factory.mktemp("made") / "download", with_tokenizer=False)


@pytest.fixture
def encoders(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "download")


def rename(folder: Path, former: str, now: str) -> None:
    (folder / f"{former}.mlpackage").rename(folder / f"{now}.mlpackage")


def test_it_is_added_with_the_vocabulary_of_a_model_that_is_here(
    sdq: Commands, encoders: Path
) -> None:
    added = Path(sdq("models", "add", str(encoders), "--json").json["added"][0])
    assert added == sdq.home / "models" / "tiny_clip"
    assert (added / "tiny_clip_image.mlpackage").is_symlink()
    here, demo = (path / "tokenizer/vocab.json" for path in (added, DEMO))
    assert here.read_bytes() == demo.read_bytes()
    assert "already exists" in sdq("models", "add", str(encoders), code=73).err
    assert (
        "those are for drawing" in sdq("models", "add", str(encoders), "--base", "a/b", code=65).err
    )


def test_it_is_listed_as_what_it_is_and_draws_nothing(sdq: Commands, encoders: Path) -> None:
    sdq("models", "add", str(encoders), "--name", "mine", "--copy")
    listed = sdq("models")
    [row] = [line.split() for line in listed.out.splitlines() if line.startswith("mine")]
    assert row[1:3] == ["scores", "packages"]
    assert row[-2:] == [f"{SIDE}x{SIDE}", "float32"]
    assert listed.err == ""
    [facts] = [one for one in sdq("models", "--json").json if one["name"] == "mine"]
    assert facts["attention_implementation"] is None
    (sdq.home / "prompts.txt").write_text("a cat\n")
    for variant in ("original", "any"):
        said = sdq(
            *("submit", str(sdq.home / "prompts.txt"), "--model", "mine", "--variant", variant),
            code=66,
        ).err
        assert "'mine' scores pictures and draws none" in said
    assert "mine: complete" in sdq("models", "verify", "mine").out
    sdq("models", "remove", "mine", "--yes")
    assert "mine" not in sdq("models").out


def test_of_several_in_a_folder_one_is_chosen_by_its_name(sdq: Commands, encoders: Path) -> None:
    for side in ("image", "text"):
        shutil.copytree(encoders / f"tiny_clip_{side}.mlpackage", encoders / f"s2_{side}.mlpackage")
    said = sdq("models", "add", str(encoders), code=65).err
    assert "several models that score pictures: s2, tiny_clip" in said
    sdq("models", "add", str(encoders), "--name", "s2")
    assert ModelStore(sdq.home / "models").scoring_names() == ["s2"]


@pytest.mark.parametrize(
    ("names", "stems"),
    [
        (["mobileclip_s0_image.mlpackage", "mobileclip_s0_text.mlpackage"], ["mobileclip_s0"]),
        (["ImageEncoder.mlpackage", "TextEncoder.mlpackage"], [""]),
        (["m-image-encoder.mlpackage", "m-text-encoder.mlpackage"], ["m"]),
        (["a_image.mlpackage", "b_text.mlpackage"], []),
        (["m_image_encoder.mlpackage", "m_text_encoder.mlpackage", "m_unet.mlpackage"], []),
        (["m_text_encoder.mlpackage", "m_vae_decoder.mlpackage"], []),
    ],
)
def test_the_encoders_are_known_by_their_names(names: list[str], stems: list[str]) -> None:
    assert list(encoders_in(names)) == stems


def test_a_pull_says_what_such_a_repository_is_for() -> None:
    paths = [f"mobileclip_{one}.mlpackage/Manifest.json" for one in ("s0_image", "s0_text")]
    with pytest.raises(InputMissingError, match="score pictures and draw none: mobileclip_s0"):
        choose_kind("apple/coreml-mobileclip", ["README.md", *paths], [])


def test_a_stable_diffusion_model_beside_it_is_found_as_before(tmp_path: Path, made: Path) -> None:
    shutil.copytree(DEMO / "original", tmp_path / "mine" / "original")
    for settings in ("tokenizer", "scheduler", "feature_extractor"):
        shutil.copytree(DEMO / settings, tmp_path / "mine" / settings)
    shutil.copytree(made, tmp_path / "clip")
    store = ModelStore(tmp_path)
    assert (store.names(), store.scoring_names()) == (["demo", "demo-turbo", "mine"], ["clip"])
    assert skipped(store) == []


@pytest.mark.parametrize(
    ("inputs", "outputs", "message"),
    [
        ({"text": (1, 64)}, {"e": (1, 4)}, r"takes text of shape \(1, 64\), but the tokenizer"),
        ({"text": (1, 77), "more": (1,)}, {"e": (1, 4)}, "more of shape"),
        ({"text": (1, 77)}, {"e": (1, 5)}, "not one embedding each"),
    ],
)
def test_encoders_that_do_not_fit_are_refused(
    encoders: Path,
    inputs: dict[str, tuple[int, ...]],
    outputs: dict[str, tuple[int, ...]],
    message: str,
) -> None:
    with pytest.raises(PackageError, match="has no tokenizer/vocab"):
        read_scoring_model(encoders)
    shutil.copytree(DEMO / "tokenizer", encoders / "tokenizer")
    assert read_scoring_model(encoders).width == SIDE
    (encoders / "tiny_clip_text.mlpackage" / MODEL).write_bytes(description(inputs, outputs))
    with pytest.raises(PackageError, match=message):
        read_scoring_model(encoders)


def test_an_image_encoder_takes_an_image_and_parts_that_draw_take_none(encoders: Path) -> None:
    shutil.copytree(DEMO / "tokenizer", encoders / "tokenizer")
    image = encoders / "tiny_clip_image.mlpackage"
    assert read_network(image).images == {"image": "RGB"}
    with pytest.raises(PackageError, match="input 'image' is an image"):
        Part.read(image)
    (image / MODEL).write_bytes(description({"image": (1, 3, 8, 8)}, {"e": (1, 4)}))
    with pytest.raises(PackageError, match="takes image, and not one image"):
        read_scoring_model(encoders)
