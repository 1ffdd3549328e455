"""Stable Diffusion XL from the Hub to an image: a tiny one in the layout of Apple's repository."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sdq_core.images.read import read_record
from tests.hub.conftest import Station
from tests.hub.server import Repository, tree

GOLDEN = Path(__file__).parent.parent / "golden"
APPLE_XL = "apple/coreml-stable-diffusion-xl-base"
BASE_XL = "stabilityai/stable-diffusion-xl-base-1.0"
NAME = "coreml-stable-diffusion-xl-base"


@pytest.fixture
def packages() -> dict[str, bytes]:
    files = tree(GOLDEN / "xl", "packages/")
    return {path: content for path, content in files.items() if ".mlpackage/" in path}


def test_it_is_pulled_planned_and_drawn(station: Station, packages: dict[str, bytes]) -> None:
    base = {
        path: content
        for path, content in tree(GOLDEN / "xl").items()
        if path.startswith(("vae/", "scheduler/")) or path == "model_index.json"
    }
    station.hub.repositories[APPLE_XL] = Repository(files=packages)
    station.hub.repositories[BASE_XL] = Repository(
        files=base | tree(GOLDEN / "tokenizer", "tokenizer/")
    )
    station.models("pull", APPLE_XL)
    program = station.program
    folder = program.home / "models" / f"{NAME}_original_packages"
    assert json.loads((folder / "vae/config.json").read_text())["scaling_factor"] == 0.13025
    program.call(
        "run", "--model", NAME, "--prompt", "the sea at night", "--steps", "2", "--batch", "xl",
        "--original-size", "96x160", "--crop", "8,16", "-q",
    )  # fmt: skip
    (image,) = program.drawn("xl")
    record = read_record(program.home / "outputs" / image.image.path)
    assert record.recipe == image.recipe
    assert (image.recipe.conditions.original_size, image.recipe.conditions.crop) == (
        (96, 160),
        (8, 16),
    )
    assert (image.recipe.width, image.recipe.height) == (128, 128)
    # What the model is told anyway makes no other image.
    for at_default in ((), ("--original-size", "128x128", "--crop", "0,0")):
        program.call("submit", "--model", NAME, "--prompt", "x", "--batch", "same", *at_default)
    status = json.loads(program.call("status", "same", "--json").stdout)
    assert status["request_counts"]["total"] == 1
    program.call(
        "submit", "--prompt", "x", "--original-size", "96x160", code=65
    )  # the demo model is not of XL
    program.call("submit", "--model", NAME, "--prompt", "x", "--original-size", "much", code=65)


def test_its_settings_are_built_in(station: Station, packages: dict[str, bytes]) -> None:
    renamed = {path.replace("sdq_tiny-xl", "tiny"): content for path, content in packages.items()}
    station.hub.repositories["me/tiny"] = Repository(
        files={path.replace("Stable_Diffusion_version_", ""): c for path, c in renamed.items()}
    )
    said = station.models("pull", "me/tiny").stderr
    assert "the built-in ones of Stable Diffusion XL are used" in said
    scheduler = json.loads(
        next(
            (station.program.home / "models").glob("tiny*/scheduler/scheduler_config.json")
        ).read_text()
    )
    assert (scheduler["_class_name"], scheduler["timestep_spacing"]) == (
        "EulerDiscreteScheduler",
        "leading",
    )


def test_recipes_of_mixed_bits_are_pulled_by_their_names(
    station: Station, packages: dict[str, bytes]
) -> None:
    mixed = "apple/coreml-stable-diffusion-mixed-bit-palettization"
    files = {f"{NAME}_mbp_4_50_palettized/{path}": content for path, content in packages.items()}
    for bits in ("3_41", "4_50"):
        for path, content in packages.items():
            _, unet, rest = path.partition("_unet.mlpackage/")
            if unet:
                folder = f"unet-mbp-sdxl-1-base/recipe_{bits}_bit_mixedpalette"
                files[f"{folder}/Unet.mlpackage/{rest}"] = content
    station.hub.repositories[mixed] = Repository(files=files)
    station.hub.repositories[BASE_XL] = Repository(
        files=tree(GOLDEN / "tokenizer", "tokenizer/") | tree(GOLDEN / "xl/scheduler", "scheduler/")
    )
    models = station.program.home / "models"
    own = models / "coreml-stable-diffusion-mixed-bit-palettization_original_packages"
    said = station.models("pull", mixed).stderr
    assert "--unet pulls one of unet-mbp-sdxl-1-base/recipe_3_41_bit_mixedpalette, unet" in said
    assert (own / "Stable_Diffusion_version_sdq_tiny-xl_unet.mlpackage").is_dir()
    assert not list(own.rglob("Unet.mlpackage"))
    station.models("pull", mixed, "--unet", "3_41")
    recipe = own.with_name(own.name.replace("_original", "_recipe_3_41_bit_mixedpalette_original"))
    assert (recipe / "Unet.mlpackage" / "Manifest.json").is_file()
    assert len(list(recipe.glob("*.mlpackage"))) == 4
    assert not list(recipe.glob("*_unet.mlpackage"))
    again = station.models("pull", mixed, "--unet", "recipe-3-41").stdout
    assert "already here" in again
    assert "no U-Net '6_55'" in station.models("pull", mixed, "--unet", "6_55", code=66).stderr
    assert [one["name"] for one in station.listed()] == [
        "coreml-stable-diffusion-mixed-bit-palettization",
        "coreml-stable-diffusion-mixed-bit-palettization_recipe_3_41_bit_mixedpalette",
    ]


def test_what_cannot_be_drawn_is_refused_before_its_weights_are_downloaded(
    station: Station, packages: dict[str, bytes]
) -> None:
    odd = {
        path: content.replace(b"time_ids", b"odd_size")
        for path, content in packages.items()
        if "_unet." in path
    }
    station.hub.repositories["me/odd"] = Repository(files=packages | odd)
    station.hub.repositories[BASE_XL] = Repository(
        files=tree(GOLDEN / "tokenizer", "tokenizer/") | tree(GOLDEN / "xl/scheduler", "scheduler/")
    )
    failed = station.models("pull", "me/odd", "--base", BASE_XL, code=65)
    assert "me/odd was not pulled" in failed.stderr
    assert "also takes 'odd_size'" in failed.stderr
    fetched = station.hub.fetched()
    assert any(path.endswith("model.mlmodel") for path in fetched)
    assert not any(path.endswith("weight.bin") for path in fetched)
