"""What submitting reads of a package, without NumPy and protobuf, is what the portable runtime runs or refuses."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sdq_core
from sdq_core.errors import PackageError
from sdq_core.models.network import read_network
from sdq_core.models.package import Package
from tests.fuzz.mutations import mutated
from tests.fuzz.package_reader import write_package
from tests.quality.encoders import save_image_encoder
from worker.mlpackage.proto import read_program

from .building import Model_pb2, ct, cto, mb, save_package
from .test_hostile_packages import DAMAGE, package, whole

__all__ = ["package", "whole"]  # fixtures

DEMO = sorted((Path(sdq_core.__file__).parent / "demo_model").glob("*/*/*.mlpackage"))
CORPUS = sorted((Path(__file__).parents[1] / "fuzz" / "corpus").iterdir())

#: What operations take from each other is read by runtimes only.
INSIDE = {"undefined name", "name given twice"}


def assert_agree(path: Path) -> None:
    network, program = read_network(path), read_program(Package.open(path))
    assert network.inputs == {tensor.name: tensor.shape for tensor in program.inputs}
    assert {name: kind.name for name, kind in network.kinds.items()} == {
        tensor.name: tensor.dtype.name for tensor in program.inputs
    }
    assert network.images == program.images
    known = {output.name: output for op in program.operations for output in op.outputs}
    assert tuple(network.outputs) == tuple(dict.fromkeys(program.outputs))
    for name, shape in network.outputs.items():
        assert name not in known or shape in {(), known[name].shape}
    counted = {name: count for name, count in network.operations.items() if name != "const"}
    listed = [operation.type for operation in program.operations]
    assert counted == {name: listed.count(name) for name in set(listed)}


@pytest.mark.parametrize("path", DEMO, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_of_the_demo_model(path: Path) -> None:
    assert_agree(path)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_of_every_kind_of_package(path: Path, tmp_path: Path) -> None:
    assert_agree(write_package(path.read_bytes(), tmp_path))


@pytest.mark.parametrize("kind", sorted(DAMAGE.keys() - INSIDE))
def test_of_damaged_packages(kind: str, package: Path) -> None:
    DAMAGE[kind][0](package)
    with pytest.raises(PackageError) as by_runtime:
        read_program(Package.open(package))
    with pytest.raises(PackageError) as at_submit:
        read_network(package)
    said, expected = str(at_submit.value), str(by_runtime.value)
    if "truncated or damaged" in expected and "weight.bin" not in expected:
        assert said.startswith(expected.partition(" is truncated")[0])
    else:
        assert said == expected


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(CORPUS), st.integers(0, 2**64))
def test_what_the_runtime_reads_is_never_refused_at_submit(
    tmp_path_factory: pytest.TempPathFactory, path: Path, seed: int
) -> None:
    folder = tmp_path_factory.getbasetemp() / "changed"
    changed = write_package(mutated(path.read_bytes(), random.Random(seed)), folder)
    try:
        read_program(Package.open(changed))
    except PackageError:
        return
    assert_agree(changed)


def test_where_the_manifest_says_that_the_model_is(package: Path) -> None:
    folder = package / "Data" / "com.apple.CoreML"
    (folder / "model.mlmodel").rename(folder / "my_unet.mlmodel")
    manifest = package / "Manifest.json"
    manifest.write_text(manifest.read_text().replace("model.mlmodel", "my_unet.mlmodel"))
    assert json.loads(manifest.read_text())
    assert_agree(package)


@pytest.mark.parametrize("layout", ["RGB", "BGR"])
def test_of_an_image(tmp_path: Path, layout: str) -> None:
    path = tmp_path / "image.mlpackage"
    save_image_encoder(path, layout)
    assert_agree(path)
    assert read_network(path).images == {"image": layout}


def test_of_functions_the_default_one(package: Path, tmp_path: Path) -> None:
    wide = save_package(
        tmp_path / "wide.mlpackage", lambda x: mb.silu(x=x, name="out"), {"x": (7, 16)}
    )
    both = Model_pb2.Model()
    both.ParseFromString(Package.open(package).model.read_bytes())
    other = Model_pb2.Model()
    other.ParseFromString(Package.open(wide).model.read_bytes())
    both.mlProgram.functions["wide"].CopyFrom(other.mlProgram.functions["main"])
    features = list(both.description.input)
    function = both.description.functions.add(name="wide")
    function.input.extend(features)
    del both.description.input[:]
    for name, shape in (("main", (2, 16)), ("wide", (7, 16))):
        both.description.defaultFunctionName = name
        Package.open(package).model.write_bytes(both.SerializeToString())
        assert read_network(package).inputs == {"x": shape}
        assert_agree(package)


def weights(*shape: int) -> Any:
    return np.random.RandomState(0).randn(*shape).astype(np.float32)


def palettized(bits: int) -> Callable[[Any], Any]:
    config = cto.OpPalettizerConfig(nbits=bits, mode="uniform", weight_threshold=0)
    return lambda model: cto.palettize_weights(model, cto.OptimizationConfig(config))


def quantized(model: Any) -> Any:
    config = cto.OpLinearQuantizerConfig(weight_threshold=0)
    return cto.linear_quantize_weights(model, cto.OptimizationConfig(config))


@pytest.mark.parametrize("target", ["macOS13", "macOS15"])
@pytest.mark.parametrize(
    ("precision", "compress", "word"),
    [
        ("float16", None, "float16"),
        ("float32", None, "float32"),
        *[("float16", palettized(bits), f"{bits}-bit") for bits in (1, 2, 4, 6, 8)],
        ("float32", palettized(6), "6-bit"),
        ("float16", quantized, "quantized"),
    ],
)
def test_of_weights_in_every_form(
    tmp_path: Path, target: str, precision: str, compress: Any, word: str
) -> None:
    from .building import convert

    model = convert(
        lambda x: mb.linear(x=x, weight=weights(32, 64)),
        {"x": (1, 64)},
        target=target,
        passes=True,
        precision=ct.precision(precision),
    )
    path = tmp_path / "x_unet.mlpackage"
    (compress(model) if compress else model).save(str(path))
    assert_agree(path)
    assert read_network(path).precision == word
