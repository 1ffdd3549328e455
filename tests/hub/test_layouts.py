"""Models are found in the layouts people have, and never a wrong part."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdq_core.errors import InputMissingError, PackageError, SdqError
from sdq_core.models import BUNDLED, ModelStore, resolver
from sdq_core.models.bundled import RESERVED
from sdq_core.models.inventory import ModelFacts, inventory, skipped
from sdq_core.models.keep import add
from sdq_core.models.layout import choose_kind, parts_folders
from sdq_core.models.litter import is_litter
from sdq_core.models.parts import attention_in, part_of, split_download
from sdq_core.values.variants import ANY, AttentionImplementation, ComputeUnit, Placement
from tests.core.small_packages import PARTS, description, write_model
from tests.hub.conftest import BASE, DEMO, Station
from tests.hub.server import Repository

ORIGINAL, SPLIT, SPLIT_V2 = AttentionImplementation
LITTER = ("._x_unet.mlpackage", ".DS_Store", "__MACOSX", "Icon\r", "desktop.ini", "@eaDir")


def model(folder: Path, variant: str = "original", *, at: str = "") -> Path:
    """The demo model as a folder of links to its packages, with settings; `at`: where the packages are."""
    packages = folder / at
    packages.mkdir(parents=True)
    for package in (DEMO / variant / "packages").iterdir():
        (packages / package.name).symlink_to(package)
    inner = folder / "mine" if at.startswith("mine/") else folder
    for name in ("tokenizer", "scheduler"):
        shutil.copytree(DEMO / name, inner / name, dirs_exist_ok=True)
    return folder


def add_quietly(path: Path, models: Path, **options: object) -> list[Path]:
    given = {"name": None, "attention": None, "base": None, "copy": False, **options}
    return add(path, models, say=lambda _: None, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("Stable_Diffusion_version_x_unet.mlpackage", "unet"),
        ("Unet.mlpackage", "unet"),
        ("UNET.mlmodelc", "unet"),
        ("my unet.mlpackage", "unet"),
        ("my-unet-chunk1.mlpackage", "unet_chunk1"),
        ("UnetChunk2.mlmodelc", "unet_chunk2"),
        ("x_control-unet.mlpackage", "control-unet"),
        ("ControlledUnet.mlpackage", "control-unet"),
        ("TextEncoder2.mlmodelc", "text_encoder_2"),
        ("text-encoder.mlpackage", "text_encoder"),
        ("VAEDecoder.mlpackage", "vae_decoder"),
        ("SafetyChecker.mlpackage", "safety_checker"),
        ("UnetRefiner.mlmodelc", "unet_refiner"),
        ("UnetRefinerChunk2.mlmodelc", "unet_refiner_chunk2"),
        ("TextEncoderT5.mlmodelc", "text_encoder_t5"),
        ("MultiModalDiffusionTransformer.mlmodelc", "mmdit"),
        ("Stable_Diffusion_version_3_mmdit.mlpackage", "mmdit"),
        ("._Unet.mlpackage", None),
        ("notunet.mlpackage", None),
        ("unet.mlmodel", None),
        ("unet", None),
    ],
)
def test_parts_are_known_by_apples_names_xcodes_and_in_any_spelling(
    name: str, part: str | None
) -> None:
    assert part_of(name) == part


def test_a_path_says_its_attention_in_any_spelling() -> None:
    assert attention_in(["original", "packages"]) is ORIGINAL
    assert attention_in(["Split-Einsum_v2", "compiled"]) is SPLIT_V2
    assert attention_in(["dreamy_split-einsum_512x768"]) is SPLIT
    assert attention_in(["an-originally-named-model"]) is None
    assert split_download("dreamy_split-einsum_compiled") == ("dreamy", SPLIT)


@pytest.mark.parametrize(
    "at",
    ["", "packages", "original/packages", "Original/Packages", "mine", "mine/original/packages"],
)
@pytest.mark.parametrize("way", ["path", "models", "add"])
def test_one_finder_serves_paths_the_models_folder_and_adding(
    tmp_path: Path, at: str, way: str
) -> None:
    models = tmp_path / "home" / "models"
    source = model((models if way == "models" else tmp_path) / "mine", at=at)
    for folder in (source, source / at):
        for name in LITTER:
            (folder / name).touch()
    if way == "add":
        (added,) = add_quietly(source, models)
        assert added.name == "mine_original_packages"
        assert not [name for name in LITTER if (added / name).exists()]
    store = ModelStore(models)
    name = str(source) if way == "path" else "mine"
    assert store.attention_implementations(name) == [ORIGINAL]
    demo = ModelStore(tmp_path).find("demo", ORIGINAL)
    assert store.find(name, ORIGINAL).parts.keys() == demo.parts.keys()
    assert way == "path" or store.names() == ["demo", "demo-turbo", "mine"]


def test_both_variants_of_a_repository_are_added_whole_or_not_at_all(tmp_path: Path) -> None:
    models = tmp_path / "models"
    source = model(tmp_path / "mine", at="original/packages")
    model(source, "split_einsum", at="split-einsum/packages")
    decoder = next((source / "split-einsum" / "packages").glob("*_vae_decoder*"))
    away = decoder.rename(tmp_path / decoder.name)
    with pytest.raises(PackageError, match="split-einsum/packages lacks the vae_decoder"):
        add_quietly(source, models)
    assert list(models.iterdir()) == []
    away.rename(decoder)
    assert len(add_quietly(source, models)) == 2
    assert ModelStore(models).attention_implementations("mine") == [ORIGINAL, SPLIT]


def test_damaged_weights_hide_neither_the_attention_nor_the_damage(tmp_path: Path) -> None:
    source = model(tmp_path / "mine", "split_einsum")
    unet = next(source.glob("*_unet.mlpackage"))
    whole = unet.resolve()
    unet.unlink()
    shutil.copytree(whole, unet)
    os.truncate(unet / "Data/com.apple.CoreML/weights/weight.bin", 100)
    store = ModelStore(tmp_path / "models")
    assert store.attention_implementations(str(source)) == [SPLIT]
    with pytest.raises(PackageError, match=r"weight\.bin"):
        store.find(str(source), SPLIT)


def test_what_nothing_can_draw_is_refused_by_name_and_not_for_its_settings(tmp_path: Path) -> None:
    source = model(tmp_path / "mine")
    for name in ("tokenizer", "scheduler"):
        shutil.rmtree(source / name)
    unet = next(source.glob("*_unet.mlpackage"))
    (source / "TextEncoderT5.mlpackage").symlink_to(unet.resolve())
    with pytest.raises(PackageError, match="Stable Diffusion 3, which is not supported"):
        add_quietly(source, tmp_path / "models")


@pytest.mark.skipif(sys.platform == "darwin", reason="a Mac draws with such models")
def test_a_compiled_model_without_text_is_refused_as_such_and_not_for_its_settings(
    tmp_path: Path,
) -> None:
    for name in ("TextEncoder", "Unet", "VAEDecoder"):
        (tmp_path / "mine" / f"{name}.mlmodelc").mkdir(parents=True)
        (tmp_path / "mine" / f"{name}.mlmodelc" / "model.espresso.net").touch()
    with pytest.raises(PackageError, match="is a compiled neural network"):
        add_quietly(tmp_path / "mine", tmp_path / "models")


@pytest.mark.parametrize("written", ["NFC", "NFD"])
@pytest.mark.parametrize("there", ["NFC", "NFD"])
def test_a_model_is_one_in_both_spellings(tmp_path: Path, there: str, written: str) -> None:
    folder = unicodedata.normalize(there, "Zürich")
    asked = unicodedata.normalize(written, "Zürich")
    model(tmp_path / "models" / f"{folder}_original_packages")
    model(tmp_path / "models" / f"{asked}_split_einsum_packages", "split_einsum")
    store = ModelStore(tmp_path / "models")
    assert store.names() == ["demo", "demo-turbo", unicodedata.normalize("NFC", "Zürich")]
    assert store.attention_implementations(asked) == [ORIGINAL, SPLIT]
    assert store.find(asked, ORIGINAL).width == 128


def test_two_unets_are_refused_and_nothing_stays(tmp_path: Path) -> None:
    source = model(tmp_path / "mine")
    unet = next(source.glob("*_unet.mlpackage"))
    (source / "other_unet.mlpackage").symlink_to(unet.resolve())
    with pytest.raises(PackageError, match="two packages for the unet"):
        add_quietly(source, tmp_path / "models")
    (source / "other_unet.mlpackage").unlink()
    assert add_quietly(source, tmp_path / "models")


def test_a_copy_under_a_name_of_ones_own_is_skipped_and_said(tmp_path: Path) -> None:
    source = model(tmp_path / "mine")
    unet = next(source.glob("*_unet.mlpackage"))
    (source / "Unet.mlpackage").symlink_to(unet.resolve())
    store = ModelStore(tmp_path / "models")
    assert store.find(str(source), ORIGINAL).unet == unet
    assert any("Unet.mlpackage was skipped" in said for said in store.look_for(str(source)).skipped)


def test_the_unet_is_believed_and_not_the_name(tmp_path: Path) -> None:
    models = tmp_path / "models"
    model(models / "mine_original_packages", "split_einsum")
    model(models / "two_split_einsum_v2_packages", "split_einsum")
    model(models / "plain")
    store = ModelStore(models)
    found = [(facts.name, facts.attention_implementation) for facts in inventory(store)]
    assert [one for one in found if one[0] not in RESERVED] == [
        ("mine", SPLIT),
        ("plain", ORIGINAL),
        ("two", SPLIT_V2),
    ]
    assert skipped(store) == [
        f"{models / 'mine_original_packages'} is named original, but its U-Net is split_einsum."
    ]
    with pytest.raises(InputMissingError, match="only as original"):
        store.find("plain", SPLIT_V2)
    with pytest.raises(PackageError, match="Leave --variant out"):
        add_quietly(models / "plain", models, name="other", attention=SPLIT)


def test_several_models_in_one_folder_are_not_mixed(tmp_path: Path) -> None:
    model(tmp_path / "all" / "one")
    model(tmp_path / "all" / "two", "split_einsum")
    store = ModelStore(tmp_path / "models")
    with pytest.raises(PackageError, match=r"several models: .*one, .*two\. Name one"):
        store.find(str(tmp_path / "all"), SPLIT)
    with pytest.raises(PackageError, match="several models"):
        add_quietly(tmp_path / "all", tmp_path / "models")


def test_what_is_below_a_model_is_skipped_and_said(tmp_path: Path) -> None:
    source = model(tmp_path / "mine")
    model(source / "backup", "split_einsum")
    (source / "notes.mlpackage").mkdir()
    (source / "x_unet.mlmodelc").touch()
    here = ModelStore(tmp_path / "models").look_for(str(source))
    assert list(here.variants) == [ORIGINAL]
    assert len(here.skipped) == 3
    for word in ("notes.mlpackage was skipped: its name", "x_unet.mlmodelc is a file", "backup"):
        assert any(word in sentence for sentence in here.skipped), word


def test_a_recipe_of_a_unet_below_a_model_is_neither_mixed_with_it_nor_lost(tmp_path: Path) -> None:
    folder = model(tmp_path / "mine", at="xl_mbp_4_50_palettized/packages")
    recipe = folder / "recipe_3_41_bit_mixedpalette"
    recipe.mkdir()
    (recipe / "Unet.mlpackage").symlink_to(
        next((DEMO / "original" / "packages").glob("*_unet.mlpackage"))
    )
    found = ModelStore(tmp_path).find("mine", ORIGINAL)
    assert found.unet.parent == folder / "xl_mbp_4_50_palettized" / "packages"
    (said,) = skipped(ModelStore(tmp_path))
    assert said.startswith(f"{recipe} has a U-Net and nothing else. To draw with it, copy")


def test_a_folder_without_a_model_is_no_model_and_said(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "__MACOSX").mkdir()
    store = ModelStore(tmp_path)
    assert store.names() == ["demo", "demo-turbo"]
    (sentence,) = skipped(store)
    assert sentence.startswith(f"{tmp_path / 'notes'} was skipped: it has no .mlpackage")


def test_a_variant_submitted_under_a_name_its_unet_belies_is_still_found(tmp_path: Path) -> None:
    model(tmp_path / "plain")
    store = ModelStore(tmp_path)
    revision = store.find("plain", ORIGINAL).revision
    placement = Placement(attention_implementation=SPLIT_V2, compute_unit=ComputeUnit.ALL)
    former = store.find_variant(placement.of("plain", revision))
    assert (former.revision, former.attention_implementation) == (revision, SPLIT_V2)


def test_a_pull_takes_hyphens_and_ignores_litter(station: Station) -> None:
    files = {}
    for variant, folder in (("original", "Original"), ("split_einsum", "split-einsum")):
        for package in (DEMO / variant / "packages").iterdir():
            for file in (path for path in package.rglob("*") if path.is_file()):
                inside = file.relative_to(package.parent)
                files[f"{folder}/packages/{inside}"] = file.read_bytes()
        files[f"{folder}/packages/._x_unet.mlpackage/x"] = b""
    station.hub.repositories["someone/dreamy"] = Repository(files=files)
    station.models("pull", "someone/dreamy", "--variant", "split_einsum", "--base", BASE)
    (facts,) = station.listed()
    assert (facts["name"], facts["attention_implementation"]) == ("dreamy", "split_einsum")


def test_a_pull_believes_the_unet_and_not_the_folder(station: Station) -> None:
    files = {}
    for file in (path for path in (DEMO / "split_einsum/packages").rglob("*") if path.is_file()):
        files[f"original/packages/{file.relative_to(DEMO / 'split_einsum/packages')}"] = (
            file.read_bytes()
        )
    station.hub.repositories["someone/dreamy"] = Repository(files=files)
    result = station.models("pull", "someone/dreamy", "--base", BASE)
    assert "is named original, but its U-Net is split_einsum" in result.stderr
    (facts,) = station.listed()
    assert facts["attention_implementation"] == "split_einsum"


#: Names -> what they stand for, decided by hand and not by the code under test.
PART_NAMES = {
    "m_text_encoder.mlpackage": "text_encoder",
    "TextEncoder.mlpackage": "text_encoder",
    "Unet.mlpackage": "unet",
    "VAEDecoder.mlpackage": "vae_decoder",
    "m-text-encoder.mlpackage": "text_encoder",
    "m-unet.mlpackage": "unet",
    "m-vae-decoder.mlpackage": "vae_decoder",
    "m_unet.mlpackage": "unet",
    "Unet.MLPACKAGE": "unet",
    "m-unet-chunk1.mlpackage": "unet_chunk1",
    "m_vae_decoder.mlpackage": "vae_decoder",
    "VAE-Decoder.mlpackage": "vae_decoder",
    "m_safety_checker.mlpackage": "safety_checker",
    "Unet.mlmodelc": "unet",
    "TextEncoder.mlmodelc": "text_encoder",
    "VAEDecoder.mlmodelc": "vae_decoder",
    "sunset.mlpackage": None,
    "._m_unet.mlpackage": None,
}
#: The names of a whole model: Apple's, Xcode's, and those of Hub repositories of the community's.
STYLES = (
    ("m_text_encoder.mlpackage", "m_unet.mlpackage", "m_vae_decoder.mlpackage"),
    ("TextEncoder.mlpackage", "Unet.mlpackage", "VAEDecoder.mlpackage"),
    ("m-text-encoder.mlpackage", "m-unet.mlpackage", "m-vae-decoder.mlpackage"),
)
FOLDERS = (
    *("original", "Original", "split_einsum", "split-einsum", "SPLIT-EINSUM-V2", "packages"),
    *("compiled", "mine", "mine_original_packages", "mine-split-einsum-compiled", "__MACOSX"),
    *(
        "@eaDir",
        "tokenizer",
        ".git",
        "a\nb",
        "é",
        *(() if sys.platform == "darwin" else ("\udcff",)),
    ),
)
ENTRIES = st.one_of(
    st.tuples(st.sampled_from(list(PART_NAMES)), st.sampled_from(["original", "split_einsum"])),
    st.tuples(
        st.sampled_from([*PART_NAMES, *LITTER, *FOLDERS, "vocab.json"]),
        st.sampled_from(
            ["file", "empty folder", "dangling", "loop", "link to itself", "pipe", "damaged"]
        ),
    ),
)
CONTENT = {
    "entries": st.lists(ENTRIES, max_size=4),
    "model": st.none()
    | st.tuples(st.sampled_from(STYLES), st.sampled_from(["original", "split_einsum"])),
}
TREES = st.recursive(
    st.fixed_dictionaries(CONTENT),
    lambda inner: st.fixed_dictionaries(
        {**CONTENT, "folders": st.dictionaries(st.sampled_from(FOLDERS), inner, max_size=3)}
    ),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`VARIANT/PART`: packages of a few hundred bytes, which are read a hundred times faster than the demo model's."""
    root = tmp_path_factory.mktemp("parts")
    for variant, operation in (("original", "identity"), ("split_einsum", "einsum")):
        whole = write_model(root / variant, PARTS)
        for package in whole.glob("*.mlpackage"):
            part = part_of(package.name)
            text = description(*PARTS[part], operation if part == "unet" else "identity")
            (package / "Data/com.apple.CoreML/model.mlmodel").write_bytes(text)
            package.rename(whole / part)
    return root


def make(tree: dict[str, Any], folder: Path, parts: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    names, variant = tree["model"] or ((), "")
    for name, what in [*((name, variant) for name in names), *tree["entries"]]:
        path = folder / name
        if os.path.lexists(path):
            continue
        if what in {"original", "split_einsum"}:
            part = (PART_NAMES[name] or "vae_decoder").removesuffix("_chunk1")
            path.symlink_to(parts / what / part)
        elif what == "file":
            path.write_bytes(b"\0\5\26\7")
        elif what == "dangling":
            path.symlink_to(folder / "nowhere")
        elif what == "loop":
            path.symlink_to(folder)
        elif what == "link to itself":
            path.symlink_to(path)
        elif what == "pipe":
            os.mkfifo(path)
        else:
            path.mkdir()
            if what == "damaged":
                (path / "Data/com.apple.CoreML").mkdir(parents=True)
                (path / "Data/com.apple.CoreML/model.mlmodel").write_bytes(b"\x12\xff")
                (path / "metadata.json").write_text(json.dumps([{"inputSchema": 3}]))
    for name, inner in tree.get("folders", {}).items():
        if not os.path.lexists(folder / name):
            make(inner, folder / name, parts)


def leave_litter(root: Path) -> None:
    """Leave what systems leave, in every folder and never behind a link."""
    for folder, _, _ in list(os.walk(root)):
        for name in ("._m_unet.mlpackage", ".DS_Store", "Icon\r", "desktop.ini", "Thumbs.db"):
            with contextlib.suppress(FileExistsError):
                (Path(folder) / name).touch(exist_ok=False)
        for name in ("__MACOSX", "@eaDir", "._Unet.mlpackage"):
            if not os.path.lexists(Path(folder) / name):
                (Path(folder) / name / "x_unet.mlpackage").mkdir(parents=True)


class OwnModels(ModelStore):
    """All but those that come with sdq, which take a hundred times longer to read than these."""

    def names(self) -> list[str]:
        return [name for name in super().names() if name not in BUNDLED]


def told(home: Path) -> tuple[list[ModelFacts], list[str]]:
    """All that is said of a models folder; sizes count litter."""
    store = OwnModels(home / "models")
    own = [facts for facts in inventory(store) if facts.name not in RESERVED]
    return [replace(facts, size_bytes=0) for facts in own], skipped(store)


@settings(max_examples=60, deadline=None)
@given(tree=TREES, with_settings=st.booleans())
def test_no_tree_makes_the_finder_fail_or_take_a_wrong_part(
    tmp_path_factory: pytest.TempPathFactory,
    parts: Path,
    tree: dict[str, Any],
    with_settings: bool,
) -> None:
    home = tmp_path_factory.mktemp("tree")
    if with_settings:
        for name in ("tokenizer", "scheduler"):
            shutil.copytree(DEMO / name, home / "models" / "mine" / name)
    make(tree, home / "models" / "mine", parts)
    before = told(home)
    assert told(home) == before
    leave_litter(home / "models" / "mine")
    assert told(home) == before
    store = OwnModels(home / "models")
    facts = before[0]
    names = {one.name for one in facts}
    with contextlib.suppress(SdqError):
        assert resolver(store)("mine", ANY).width == 64
    for one in (*facts, *(("mine", word) for word in AttentionImplementation)):
        name, word = one if isinstance(one, tuple) else (one.name, one.attention_implementation)
        try:
            found = store.find(name, word)
        except SdqError:
            continue
        assert len({path.parent for path in found.parts.values()}) == 1
        for part, path in found.parts.items():
            assert PART_NAMES[path.name] == part
            assert not any(map(is_litter, path.relative_to(home).parts))
        source = found.unet.resolve()
        if source.is_relative_to(parts):
            assert (source.parent.name == "split_einsum") == (word is not ORIGINAL)
    assert names <= {"mine"}
    try:
        added = add_quietly(home / "models" / "mine", home / "added")
    except SdqError:
        left = list((home / "added").iterdir()) if (home / "added").exists() else []
        assert left == []
    else:
        assert all(ModelStore(home / "added").attention_implementations("mine") for _ in added)


@given(paths=st.lists(st.lists(st.sampled_from([*FOLDERS, *PART_NAMES]), max_size=5)))
def test_no_listing_of_a_repository_makes_the_finder_fail_or_take_a_wrong_part(
    paths: list[list[str]],
) -> None:
    listing = ["/".join([*steps, "model.mlmodel"]) for steps in paths]
    for kind in ("packages", "compiled"):
        for folder in parts_folders(listing, kind):
            for part, (name, files) in folder.parts.items():
                assert PART_NAMES[name] == part
                assert all(path in listing for path in files)


def test_packages_are_pulled_unless_only_compiled_models_are_what_is_wanted() -> None:
    def parts(folder: str, ending: str) -> list[str]:
        names = ("TextEncoder", "Unet", "VAEDecoder")
        return [f"{folder}/{name}.{ending}/metadata.json" for name in names]

    packages = parts("original/packages", "mlpackage")
    compiled = parts("original/compiled", "mlmodelc") + parts("split_einsum/compiled", "mlmodelc")
    assert choose_kind("a/b", packages + compiled, []) == "packages"
    assert choose_kind("a/b", packages + compiled, [ORIGINAL]) == "packages"
    assert choose_kind("a/b", packages + compiled, [ORIGINAL, SPLIT]) == "compiled"
    assert choose_kind("a/b", packages + compiled, [SPLIT_V2]) == "packages"
    assert choose_kind("a/b", compiled, []) == "compiled"
    with pytest.raises(InputMissingError, match="neither as packages nor compiled"):
        choose_kind("a/b", compiled[:2], [])
