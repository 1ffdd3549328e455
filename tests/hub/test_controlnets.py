"""ControlNets: added, pulled, listed, checked and removed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sdq_core.errors import EXIT_IO_ERROR, InputError, InputMissingError, OutputError, PackageError
from sdq_core.models import ModelStore
from sdq_core.models.bundled import BUNDLED_NETS
from sdq_core.models.controlnet import ControlNets
from sdq_core.models.inventory import inventory, skipped
from sdq_core.models.keep import own_folders
from sdq_core.models.pull_controlnets import controlnets_in
from tests.core.small_packages import description
from tests.hub.conftest import Station
from tests.hub.server import Repository, tree
from tests.hub.test_layouts import add_quietly
from tests.hub.zipping import MAC, zipped
from tests.tiny_controlnet import put_tiny_models

GOLDEN = Path(__file__).parents[1] / "golden" / "controlnet"
EDGES, DEPTH = (f"ControlNet_sdq_{name}.mlpackage" for name in ("edges", "depth"))
COMMUNITY = "coreml-community/ControlNet-Models-For-Core-ML"


def in_sizes() -> dict[str, bytes]:
    """One net under two names, as a zip has it in sizes, and a network that is none."""
    return {
        **tree(GOLDEN / EDGES, "Canny/Canny-5x5.mlpackage/"),
        **tree(GOLDEN / EDGES, "Canny/Canny-5x7.mlpackage/"),
        "Canny/Other.mlpackage/Manifest.json": b"{}",
        **MAC,
    }


def test_a_package_a_folder_and_a_zip_are_added(tmp_path: Path) -> None:
    models = tmp_path / "models"
    (one,) = add_quietly(GOLDEN / EDGES, models)
    (two,) = add_quietly(GOLDEN / DEPTH, models, name="far")
    assert [one, two] == [models / "controlnet" / "sdq_edges", models / "controlnet" / "far"]
    assert (two / DEPTH).is_symlink()
    (tmp_path / "Canny.zip").write_bytes(zipped(in_sizes()))
    assert [made.name for made in add_quietly(tmp_path / "Canny.zip", models)] == [
        "Canny-5x5",
        "Canny-5x7",
    ]
    nets = ControlNets(models)
    assert nets.names() == ["Canny-5x5", "Canny-5x7", *BUNDLED_NETS, "far", "sdq_edges"]
    assert nets.find("Canny-5x5").revision != nets.find("far").revision
    assert (nets.find("far").width, nets.find("far").height) == (96, 64)
    assert ModelStore(models).names() == ["demo", "demo-turbo"]
    assert skipped(ModelStore(models)) == []
    assert sorted(entry.name for entry in models.rglob(".*")) == []

    with pytest.raises(OutputError, match="already exists"):
        add_quietly(GOLDEN / EDGES, models)
    with pytest.raises(InputError, match="--name is for one ControlNet, and there are 2"):
        add_quietly(tmp_path / "Canny.zip", models, name="x")
    for name in ("a:b", "a;b", "a\nb", "x" * 201):
        with pytest.raises(InputError, match="cannot name a ControlNet"):
            add_quietly(GOLDEN / EDGES, models, name=name)


def test_what_people_put_into_the_folder_is_found(tmp_path: Path) -> None:
    put_tiny_models(tmp_path)
    nets = ControlNets(tmp_path)
    assert nets.names() == [*BUNDLED_NETS, "sdq_depth", "sdq_edges"]
    (nets.folder / "empty").mkdir()
    with pytest.raises(PackageError, match="empty has no packages and compiled models"):
        nets.find("empty")
    with pytest.raises(
        InputMissingError,
        match="no ControlNet 'x' here, only demo-edges, empty, sdq_depth, sdq_edges",
    ):
        nets.find("x")
    (nets.folder / "a\nb").mkdir()
    with pytest.raises(PackageError, match="has a name that no recipe can hold"):
        nets.find("a\nb")


def test_the_one_that_comes_with_sdq_is_listed_and_neither_removed_nor_replaced(
    tmp_path: Path,
) -> None:
    listed = [facts for facts in inventory(ModelStore(tmp_path)) if facts.is_controlnet]
    assert [(facts.name, facts.problem) for facts in listed] == [("demo-edges", None)]
    with pytest.raises(InputError, match="ControlNet demo-edges is part of sdq and cannot be"):
        own_folders(tmp_path, "demo-edges", ())
    with pytest.raises(InputError, match="'demo-edges' is not a valid model name"):
        add_quietly(GOLDEN / EDGES, tmp_path, name="demo-edges")


def test_a_damaged_one_is_not_added(tmp_path: Path) -> None:
    shapes = {"controlnet_cond": (2, 3, 64, 96), "sample": (2, 4, 8, 12)}
    package = tmp_path / "lines.mlpackage"
    (package / "Data" / "com.apple.CoreML").mkdir(parents=True)
    (package / "Data" / "com.apple.CoreML" / "model.mlmodel").write_bytes(description(shapes, {}))
    (package / "Manifest.json").write_text("{}")
    with pytest.raises((PackageError, InputMissingError)):
        add_quietly(package, tmp_path / "models")
    assert ControlNets(tmp_path / "models").names() == list(BUNDLED_NETS)


def test_a_repository_has_them_as_zips_or_as_they_are() -> None:
    found = controlnets_in(
        [
            "CN/Canny.zip", "CN/ControlNet_HED.zip", "README.md", "original/compiled/Unet.mlmodelc/model.mil",
            "x/controlnet/Depth.mlmodelc/model.mil", "x/controlnet/Depth.mlpackage/Manifest.json",
            "ControlNet_lllyasviel_sd-controlnet-seg.mlpackage/Manifest.json", "Unet.mlmodelc.zip",
        ]
    )  # fmt: skip
    assert found == {
        "Canny": ("CN/Canny.zip",),
        "HED": ("CN/ControlNet_HED.zip",),
        "Depth": ("x/controlnet/Depth.mlpackage/Manifest.json",),
        "lllyasviel_sd-controlnet-seg": (
            "ControlNet_lllyasviel_sd-controlnet-seg.mlpackage/Manifest.json",
        ),
    }


def test_they_are_pulled_listed_verified_repaired_and_removed(station: Station) -> None:
    files = tree(GOLDEN / DEPTH, f"{DEPTH}/")
    station.hub.repositories[COMMUNITY] = Repository(
        files={"CN/Canny.zip": zipped(in_sizes()), "CN/HED.zip": b"not asked for", **files}
    )
    refused = station.models("pull", COMMUNITY, code=66)
    assert "has no model but ControlNets: Canny, HED, sdq_depth." in refused.stderr
    pulled = station.models("pull", COMMUNITY, "--controlnet", "canny,sdq_depth")
    assert [line.split(":")[0] for line in pulled.stdout.splitlines()] == [
        "Canny-5x5",
        "Canny-5x7",
        "sdq_depth",
    ]
    listed = {model["name"]: model for model in station.listed()}
    assert listed["Canny-5x7"]["is_controlnet"]
    assert listed["Canny-5x7"]["source"].startswith(f"{COMMUNITY}@")
    weights = next(
        (station.program.home / "models" / "controlnet" / "Canny-5x5").rglob("weight.bin")
    )
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    broken = station.program.call("models", "verify", code=EXIT_IO_ERROR)
    assert f"sdq models pull {COMMUNITY} --controlnet Canny`" in broken.stderr
    again = station.models("pull", COMMUNITY, "--controlnet", "Canny,sdq_depth", "--json")
    assert [net["fresh"] for net in json.loads(again.stdout)["pulled"]] == [True, True, False]
    station.program.call("models", "verify", "Canny-5x5")
    station.models("remove", "Canny-5x5", "--yes")
    assert "Canny-5x5" not in {model["name"] for model in station.listed()}
