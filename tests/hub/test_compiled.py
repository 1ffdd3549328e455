"""Compiled models as the Hub's `compiled` folders hold them: described by `metadata.json`, run by Core ML only."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from sdq_core.errors import PackageError
from sdq_core.models import ModelStore, read_network
from sdq_core.models.inventory import inventory
from sdq_core.values.variants import AttentionImplementation
from tests.hub.conftest import DEMO

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


def test_a_compiled_model_is_described(models: Path) -> None:
    network = read_network(unet_of(models))
    assert network.inputs["sample"] == (2, 4, 64, 96)
    assert {kind.name for kind in network.kinds.values()} == {"fp16"}
    assert (network.splits_heads, network.precision) == (True, "6-bit")


@pytest.mark.skipif(sys.platform != "darwin", reason="compiled models need a Mac")
def test_a_mac_takes_a_compiled_model(models: Path) -> None:
    folder = ModelStore(models).find("mine", SPLIT)
    assert (folder.width, folder.height, folder.unet_batch) == (768, 512, 2)
    (facts,) = [facts for facts in inventory(ModelStore(models)) if facts.name == "mine"]
    assert (facts.kind, facts.precision, facts.problem) == ("compiled", "6-bit", None)


@pytest.mark.skipif(sys.platform == "darwin", reason="a Mac takes compiled models")
def test_elsewhere_a_compiled_model_is_said_to_need_a_mac(models: Path) -> None:
    with pytest.raises(PackageError, match="which only Core ML reads, on a Mac"):
        ModelStore(models).find("mine", SPLIT)
    (facts,) = [facts for facts in inventory(ModelStore(models)) if facts.name == "mine"]
    assert facts.problem
    assert "on a Mac" in facts.problem


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


@pytest.mark.parametrize("content", ["", "[", "[1]", '"text"', "[" * 100_000, "__import__('os')"])
def test_damaged_metadata_is_refused_and_never_evaluated(models: Path, content: str) -> None:
    (unet_of(models) / "metadata.json").write_text(content)
    with pytest.raises(PackageError):
        read_network(unet_of(models))


def test_a_shape_that_is_nested_too_deep_counts_as_not_declared(models: Path) -> None:
    declared = [{"name": "sample", "shape": "[" * 100_000}]
    (unet_of(models) / "metadata.json").write_text(json.dumps([{"inputSchema": declared}]))
    assert read_network(unet_of(models)).inputs == {"sample": ()}


@pytest.mark.timeout(30)
def test_a_pipe_in_place_of_metadata_is_not_waited_for(models: Path) -> None:
    metadata = unet_of(models) / "metadata.json"
    metadata.unlink()
    os.mkfifo(metadata)
    with pytest.raises(PackageError, match="is not a file"):
        read_network(unet_of(models))
