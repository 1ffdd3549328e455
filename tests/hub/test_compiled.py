"""Compiled models as the Hub's `compiled` folders hold them: by their text, or by `metadata.json` what has none."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from sdq_core.errors import PackageError
from sdq_core.models import ModelStore, network, read_network
from sdq_core.models.inventory import inventory
from sdq_core.values.variants import AttentionImplementation
from tests.hub.conftest import APPLE, DEMO, NAME, Station
from tests.hub.server import Repository, tree
from tests.hub.test_layouts import add_quietly
from tests.mlmodelc.printer import compile_variant
from tests.mlmodelc.writing import program, write_compiled

SPLIT = AttentionImplementation.SPLIT_EINSUM
PARTS = {
    "TextEncoder": {"input_ids": "[1, 77]"},
    "Unet": {
        "sample": "[2, 4, 64, 96]",
        "timestep": "[2]",
        "encoder_hidden_states": "[2, 768, 1, 77]",
    },
    "VAEDecoder": {"z": "[1, 4, 64, 96]"},
}


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """Compiled models without text, as older ones are."""
    folder = tmp_path / "mine_split_einsum_compiled"
    for part, inputs in PARTS.items():
        model = folder / f"{part}.mlmodelc"
        model.mkdir(parents=True)
        metadata = {
            "storagePrecision": "Mixed (Float16, Palettized (6 bits))",
            "mlProgramOperationTypeHistogram": {"Ios16.einsum": 112, "Ios16.conv": 120},
            "inputSchema": [
                {"name": name, "shape": shape, "dataType": "Float16"}
                for name, shape in inputs.items()
            ],
            "outputSchema": [],
        }
        (model / "metadata.json").write_text(json.dumps([metadata]))
    shutil.copytree(DEMO / "scheduler", folder / "scheduler")
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(DEMO / "tokenizer" / name, folder)
    return tmp_path


def unet_of(models: Path) -> Path:
    return models / "mine_split_einsum_compiled" / "Unet.mlmodelc"


@pytest.fixture
def on_a_mac(monkeypatch: pytest.MonkeyPatch) -> None:
    """Core ML runs what has no text, too: it is described by its metadata."""
    monkeypatch.setattr(network, "HAS_CORE_ML", True)


@pytest.mark.usefixtures("on_a_mac")
def test_a_compiled_model_is_described(models: Path) -> None:
    network = read_network(unet_of(models))
    assert network.inputs["sample"] == (2, 4, 64, 96)
    assert {kind.name for kind in network.kinds.values()} == {"fp16"}
    assert (network.splits_heads, network.precision) == (True, "6-bit")


@pytest.mark.usefixtures("on_a_mac")
def test_a_mac_takes_a_compiled_model(models: Path) -> None:
    folder = ModelStore(models).find("mine", SPLIT)
    assert (folder.width, folder.height, folder.unet_batch) == (768, 512, 2)
    (facts,) = [facts for facts in inventory(ModelStore(models)) if facts.name == "mine"]
    assert (facts.kind, facts.precision, facts.problem) == ("compiled", "6-bit", None)


@pytest.mark.skipif(sys.platform == "darwin", reason="a Mac draws with it")
@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "model.espresso.net",
            "is a compiled neural network, the format before ML programs, which only",
        ),
        (
            "model0/model.mil",
            "is a compiled pipeline of several models, which only Core ML on a Mac runs",
        ),
        ("coremldata.bin", r"is not a complete .mlmodelc of an ML program \(no model.mil\)"),
    ],
)
def test_elsewhere_what_has_no_text_is_refused_by_name(models: Path, name: str, words: str) -> None:
    for model in (models / "mine_split_einsum_compiled").glob("*.mlmodelc"):
        (model / name).parent.mkdir(exist_ok=True)
        (model / name).write_bytes(b"x")
    with pytest.raises(PackageError, match=words):
        ModelStore(models).find("mine", SPLIT)
    (facts,) = [facts for facts in inventory(ModelStore(models)) if facts.name == "mine"]
    assert (facts.kind, facts.attention_implementation) == ("compiled", SPLIT)
    assert facts.problem


@pytest.fixture
def compiled(tmp_path: Path) -> Path:
    """The demo model's split_einsum as the Hub has compiled models, under a name that does not tell."""
    folder = compile_variant(DEMO / "split_einsum" / "packages", tmp_path / "download")
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(DEMO / "tokenizer" / name, folder)
    shutil.copytree(DEMO / "scheduler", folder / "scheduler")
    return folder


def test_a_compiled_model_is_added_and_listed_as_its_packages_are(
    compiled: Path, tmp_path: Path
) -> None:
    (folder,) = add_quietly(compiled, tmp_path / "models", name="mine")
    assert folder.name == "mine_split_einsum_compiled"
    store = ModelStore(tmp_path / "models")
    demo = [facts for facts in inventory(store) if facts.name == "demo"]
    (mine,) = [facts for facts in inventory(store) if facts.name == "mine"]
    assert (mine.kind, mine.problem) == ("compiled", None)
    for fact in ("precision", "attention_found", "width", "height", "unet_batch", "unet"):
        assert getattr(mine, fact) == getattr(demo[1], fact)
    found, package = store.find("mine", SPLIT), store.find("demo", SPLIT)
    assert found.embedded_tokens == package.embedded_tokens


@pytest.mark.skipif(sys.platform == "darwin", reason="a Mac draws with it")
def test_parts_that_drawing_does_not_need_may_be_of_any_kind(compiled: Path) -> None:
    shutil.rmtree(compiled / "VAEEncoder.mlmodelc")
    (compiled / "VAEEncoder.mlmodelc").mkdir()
    (compiled / "VAEEncoder.mlmodelc" / "model.espresso.net").touch()
    assert ModelStore(compiled.parent).find(str(compiled), SPLIT).width == 128
    (compiled / "VAEDecoder.mlmodelc" / "model.mil").unlink()
    with pytest.raises(PackageError, match=r"VAEDecoder.mlmodelc is not a complete"):
        ModelStore(compiled.parent).find(str(compiled), SPLIT)


def test_damage_is_found_before_anything_is_queued(compiled: Path) -> None:
    weights = compiled / "Unet.mlmodelc" / "weights" / "weight.bin"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(PackageError, match=r"weight\.bin is truncated or damaged"):
        ModelStore(compiled.parent).find(str(compiled), SPLIT)
    weights.write_bytes(whole)
    text = compiled / "VAEDecoder.mlmodelc" / "model.mil"
    text.write_text(text.read_text()[:-900])
    with pytest.raises(
        PackageError, match=r"VAEDecoder.mlmodelc/model.mil is damaged, or .*\(line "
    ):
        ModelStore(compiled.parent).find(str(compiled), SPLIT)
    text.write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(PackageError, match="Git LFS pointer"):
        ModelStore(compiled.parent).find(str(compiled), SPLIT)


@pytest.mark.usefixtures("on_a_mac")
def test_on_a_mac_a_text_that_is_not_understood_is_left_to_core_ml(models: Path) -> None:
    unet = unet_of(models)
    (unet / "model.mil").write_text("program(9.0)")
    assert read_network(unet).inputs["sample"] == (2, 4, 64, 96)


def test_an_input_that_is_an_image_is_refused(tmp_path: Path) -> None:
    model = write_compiled(tmp_path / "net.mlmodelc", program())
    metadata: dict[str, Any] = {"inputSchema": [{"name": "x", "type": "Image"}]}
    (model / "metadata.json").write_text(json.dumps([metadata]))
    with pytest.raises(PackageError, match="input 'x' is an image"):
        read_network(model)


@pytest.mark.usefixtures("on_a_mac")
def test_operations_have_their_names_in_mil(models: Path) -> None:
    metadata = json.loads((unet_of(models) / "metadata.json").read_text())
    metadata[0]["mlProgramOperationTypeHistogram"] = {"Einsum": 2, "Ios16.constexprLutToDense": 1}
    metadata[0]["storagePrecision"] = None
    (unet_of(models) / "metadata.json").write_text(json.dumps(metadata))
    found = read_network(unet_of(models))
    assert found.operations == {"einsum": 2, "constexpr_lut_to_dense": 1}
    assert (found.splits_heads, found.precision) == (True, "palettized")


@pytest.mark.usefixtures("on_a_mac")
@pytest.mark.parametrize(
    ("stated", "precision"),
    [
        ("Float16", "float16"),
        ("Mixed (Float16, Palettized (4 bits), Palettized (8 bits))", "4/8-bit"),
        ("Mixed (Float16, Sparse)", "mixed (float16, sparse)"),
        (None, "unknown"),
        ("\x1b[2J" * 1000, "unknown"),
        ("\u00b2 bits", "unknown"),
        ("9" * 5000 + " bits", "unknown"),
    ],
)
def test_the_stated_precision_is_shortened_and_nothing_strange_shown(
    models: Path, stated: str | None, precision: str
) -> None:
    unet = unet_of(models)
    metadata = json.loads((unet / "metadata.json").read_text())
    metadata[0]["storagePrecision"] = stated
    (unet / "metadata.json").write_text(json.dumps(metadata))
    assert read_network(unet).precision == precision


@pytest.mark.usefixtures("on_a_mac")
def test_a_compiled_model_of_several_sizes_is_refused(models: Path) -> None:
    unet = unet_of(models)
    metadata = json.loads((unet / "metadata.json").read_text())
    metadata[0]["inputSchema"][0]["hasShapeFlexibility"] = "1"
    (unet / "metadata.json").write_text(json.dumps(metadata))
    with pytest.raises(PackageError, match="flexible shape"):
        read_network(unet)


def test_packages_are_preferred(models: Path) -> None:
    packages = models / "mine_split_einsum_packages"
    shutil.copytree(DEMO / "split_einsum" / "packages", packages)
    for name in ("tokenizer", "scheduler"):
        shutil.copytree(DEMO / name, packages / name)
    assert ModelStore(models).find("mine", SPLIT).parts["unet"].suffix == ".mlpackage"


def test_the_nested_layout_of_newer_instructions_is_found(models: Path) -> None:
    nested = models / "other_original_packages"
    shutil.copytree(DEMO / "original" / "packages", nested / "original" / "packages")
    for name in ("tokenizer", "scheduler"):
        shutil.copytree(DEMO / name, nested / name)
    assert ModelStore(models).find("other", AttentionImplementation.ORIGINAL).width == 128


@pytest.mark.usefixtures("on_a_mac")
@pytest.mark.parametrize("content", ["", "[", "[1]", '"text"', "[" * 100_000, "__import__('os')"])
def test_damaged_metadata_is_refused_and_never_evaluated(models: Path, content: str) -> None:
    (unet_of(models) / "metadata.json").write_text(content)
    with pytest.raises(PackageError):
        read_network(unet_of(models))


@pytest.mark.usefixtures("on_a_mac")
def test_a_shape_that_is_nested_too_deep_counts_as_not_declared(models: Path) -> None:
    declared = [{"name": "sample", "shape": "[" * 100_000}]
    (unet_of(models) / "metadata.json").write_text(json.dumps([{"inputSchema": declared}]))
    assert read_network(unet_of(models)).inputs == {"sample": ()}


@pytest.mark.usefixtures("on_a_mac")
@pytest.mark.timeout(30)
def test_a_pipe_in_place_of_metadata_is_not_waited_for(models: Path) -> None:
    metadata = unet_of(models) / "metadata.json"
    metadata.unlink()
    os.mkfifo(metadata)
    with pytest.raises(PackageError, match="is not a file"):
        read_network(unet_of(models))


def test_a_repository_without_packages_gives_its_compiled_models(
    station: Station, compiled: Path
) -> None:
    (compiled / "model.safetensors").write_bytes(b"not needed")
    files = tree(compiled, "split_einsum/compiled/")
    station.hub.repositories[APPLE] = Repository(files=files)
    result = station.models("pull", APPLE)
    assert f"{NAME} split_einsum: pulled" in result.stdout
    assert station.folder("split_einsum", "compiled").is_dir()
    (facts,) = station.listed()
    assert (facts["kind"], facts["problem"], facts["precision"]) == ("compiled", None, "6-bit")
    station.program.call(
        "submit", "--prompt", "the sea", "--model", NAME, "--variant", "split_einsum", "--dry-run"
    )
