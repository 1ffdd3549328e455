"""Models in zips, on this disk and on the Hub, in the layouts that people share."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from sdq_core.errors import InputError, InputMissingError, PackageError
from sdq_core.models import ModelStore
from sdq_core.values.variants import AttentionImplementation
from tests.core.small_packages import PARTS, write_model
from tests.hub.conftest import DEMO, Station
from tests.hub.server import Repository, tree
from tests.hub.test_layouts import add_quietly
from tests.hub.zipping import MAC, zipped
from tests.mlmodelc.printer import compile_variant
from tests.mlmodelc.test_same_network import drawn

ORIGINAL, SPLIT, _ = AttentionImplementation
NAME = "coreml-community/coreml-dreamy"


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The demo model's parts, compiled, with its vocabulary beside them and a part that drawing does not need."""
    folder = compile_variant(DEMO / "original" / "packages", tmp_path_factory.mktemp("c") / "m")
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(DEMO / "tokenizer" / name, folder)
    (folder / "ControlledUnet.mlmodelc").mkdir()
    (folder / "ControlledUnet.mlmodelc" / "model.mil").write_bytes(b"not needed")
    return tree(folder)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A model of small packages with its settings."""
    return tree(write_model(tmp_path_factory.mktemp("s") / "m", PARTS))


def settings() -> dict[str, bytes]:
    return {
        f"{name}/{path}": content
        for name in ("scheduler", "feature_extractor")
        for path, content in tree(DEMO / name).items()
    }


@pytest.mark.parametrize("under", ["", "dreamy/", "a/original/packages/"])
def test_a_zip_is_added_with_inner_folders_or_without(
    under: str, small: dict[str, bytes], tmp_path: Path
) -> None:
    path = tmp_path / "dreamy-v1.5_original_512x768_cn.zip"
    path.write_bytes(zipped(small, under=under) if under else zipped({**small, **MAC}))
    (folder,) = add_quietly(path, tmp_path / "models")
    assert folder.name == "dreamy-v1.5_512x768_original_packages"
    assert ModelStore(tmp_path / "models").find("dreamy-v1.5_512x768", ORIGINAL).width == 64
    assert [entry.name for entry in (tmp_path / "models").iterdir()] == [folder.name]
    assert path.is_file()


def test_what_systems_and_drawing_leave_unused_is_not_unpacked(
    compiled: dict[str, bytes], tmp_path: Path
) -> None:
    path = tmp_path / "dreamy_cn.zip"
    path.write_bytes(
        zipped({f"mine/{name}": c for name, c in (compiled | settings()).items()} | MAC)
    )
    (folder,) = add_quietly(path, tmp_path / "models")
    assert sorted(entry.name for entry in folder.iterdir()) == [
        *("SafetyChecker.mlmodelc", "TextEncoder.mlmodelc", "Unet.mlmodelc", "VAEDecoder.mlmodelc"),
        *("VAEEncoder.mlmodelc", "feature_extractor", "scheduler", "tokenizer"),
    ]


@pytest.mark.parametrize("inside", ["{0}/", "", "build/{0}/"])
def test_a_zip_a_part_is_added_with_what_is_beside_them(
    inside: str, small: dict[str, bytes], tmp_path: Path
) -> None:
    folder = tmp_path / "dreamy_original"
    folder.mkdir()
    for part in {name.split("/")[0] for name in small if ".mlpackage/" in name}:
        files = {name: c for name, c in small.items() if name.startswith(f"{part}/")}
        bare = {inside.format(part) + name.split("/", 1)[1]: c for name, c in files.items()}
        (folder / f"{part}.zip").write_bytes(zipped(bare))
    for name in ("tokenizer", "scheduler"):
        shutil.copytree(DEMO / name, folder / name)
    (added,) = add_quietly(folder, tmp_path / "models")
    assert added.name == "dreamy_original_packages"
    with pytest.raises(InputError, match="Name the folder"):
        add_quietly(next(folder.glob("*.zip")), tmp_path / "models")
    next(folder.glob("*unet*.zip")).unlink()
    with pytest.raises(PackageError, match="not of every part"):
        add_quietly(folder, tmp_path / "models")


def test_several_zips_in_a_folder_are_listed(small: dict[str, bytes], tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.zip").write_bytes(zipped(small))
    with pytest.raises(InputError, match=r"several models: .*/a\.zip, .*/b\.zip\. Name one"):
        add_quietly(tmp_path, tmp_path / "models")


def test_a_zip_in_the_models_folder_is_no_model_and_said(
    small: dict[str, bytes], tmp_path: Path
) -> None:
    path = tmp_path / "dreamy.zip"
    path.write_bytes(zipped(small))
    (said,) = ModelStore(tmp_path).without_models()
    assert said == f"{path} was skipped: it is a zip. Run `sdq models add {path}`."


def test_a_zip_of_something_else_is_refused_by_name(
    small: dict[str, bytes], tmp_path: Path
) -> None:
    path = tmp_path / "sd3.zip"
    unet = {name: c for name, c in small.items() if "_unet." in name}
    more = {name.replace("_unet.", "_text_encoder_t5."): c for name, c in unet.items()}
    path.write_bytes(zipped(small | more))
    with pytest.raises(PackageError, match=r"sd3\.zip holds Stable Diffusion 3"):
        add_quietly(path, tmp_path / "models")
    path.write_bytes(zipped({name: c for name, c in small.items() if "_unet." not in name}))
    with pytest.raises(PackageError, match="has no complete model"):
        add_quietly(path, tmp_path / "models")
    (tmp_path / "sd3.safetensors").touch()
    for name in ("gone.zip", "sd3.safetensors"):
        with pytest.raises(InputMissingError, match="is not a folder"):
            add_quietly(tmp_path / name, tmp_path / "models")


def test_a_model_of_the_community_draws_the_pixels_of_its_packages(
    station: Station, compiled: dict[str, bytes], tmp_path: Path, translations: Path
) -> None:
    zips = {
        "original/dreamy_original.zip": zipped(compiled, under="dreamy_original/"),
        "original/128x128/dreamy_original_128x128_cn.zip": zipped({**compiled, **MAC}),
        "split-einsum/dreamy_split-einsum.zip": b"not asked for",
        "CN/Canny.zip": b"not drawn",
    }
    station.hub.repositories[NAME] = Repository(files=zips | settings(), license="openrail")
    models = station.program.home / "models"
    wrong = models / "coreml-dreamy_original_compiled"
    wrong.mkdir(parents=True)
    station.models("pull", NAME, code=73)
    wrong.rmdir()
    station.hub.contents.clear()
    result = station.models("pull", NAME)
    assert (
        "CN/Canny.zip: left out; `sdq models pull --controlnet NAME` pulls ControlNets."
        in result.stderr
    )
    assert f"{NAME} also has 128x128: --size pulls one of them." in result.stderr
    assert station.hub.fetched() == set(), "what had arrived is kept"
    assert "already here" in station.models("pull", NAME).stdout
    assert "already here" not in station.models("pull", NAME, "--size", "128x128").stdout
    assert station.hub.fetched() == {"original/128x128/dreamy_original_128x128_cn.zip", *settings()}
    assert not list((models / ".pull").iterdir())
    store = ModelStore(models)
    assert store.names() == ["demo", "demo-turbo", "coreml-dreamy_128x128", "coreml-dreamy"]
    expected = drawn(store.find("demo", ORIGINAL), translations)
    assert drawn(store.find("coreml-dreamy", ORIGINAL), tmp_path / "cache") == expected
    sized = store.find("coreml-dreamy_128x128", ORIGINAL)
    assert not list(sized.unet.parent.glob("ControlledUnet*"))
    next(sized.unet.parent.glob("VAEDecoder*/model.mil")).write_bytes(b"")
    hurt = station.program.call("models", "verify", sized.model, code=74)
    assert f"--name {sized.model} --size 128x128`" in hurt.stderr


def test_a_repository_with_a_zip_a_part_gives_what_drawing_needs(
    station: Station, small: dict[str, bytes]
) -> None:
    files = {name: c for name, c in small.items() if ".mlpackage/" not in name}
    for part in {name.split("/")[0] for name in small if ".mlpackage/" in name}:
        inside = {name: c for name, c in small.items() if name.startswith(f"{part}/")}
        files[f"original/{part}.zip"] = zipped(inside)
    files["original/x_control-unet.mlpackage.zip"] = b"not needed"
    station.hub.repositories[NAME] = Repository(files=files)
    station.models("pull", NAME, "--json")
    assert "original/x_control-unet.mlpackage.zip" not in station.hub.fetched()
    (facts,) = station.listed()
    assert (facts["name"], facts["kind"], facts["problem"]) == ("coreml-dreamy", "packages", None)


def test_a_repositorys_settings_are_found_however_deep_its_zip_is(
    station: Station, small: dict[str, bytes]
) -> None:
    packages = {name: c for name, c in small.items() if ".mlpackage/" in name}
    own = {name: c for name, c in small.items() if name not in packages}
    zips = {"dreamy.zip": zipped(packages, under="dreamy/original/packages/")}
    station.hub.repositories[NAME] = Repository(files=zips | own)
    station.models("pull", NAME, "--name", "dreamy_2")
    again = station.models("pull", NAME, "--name", "dreamy", "--json")
    (pulled,) = json.loads(again.stdout)["pulled"]
    assert (pulled["name"], pulled["fresh"]) == ("dreamy", True)
    config = "scheduler/scheduler_config.json"
    assert (Path(pulled["folder"]) / config).read_bytes() == own[config]


def test_a_hostile_zip_of_the_hub_is_refused_and_nothing_is_put_in_place(station: Station) -> None:
    station.hub.repositories[NAME] = Repository(
        files={"x_original_compiled.zip": zipped({"../x": b""})}
    )
    result = station.models("pull", NAME, code=65)
    assert result.stderr.splitlines()[-1] == (
        f"sdq: x_original_compiled.zip of {NAME} was not unpacked: '../x' in it may lead out of the folder. Get the "
        "model from somewhere else."
    )
    (left,) = (station.program.home / "models").iterdir()
    assert [path.name for path in left.glob("*/*")] == ["parts"], "only what had arrived"
