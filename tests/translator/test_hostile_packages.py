"""Packages that are damaged, incomplete or made to do harm: one clear sentence each, and nothing else happens."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from coremltools.proto import Model_pb2

from sdq.errors import InputMissingError, PackageError
from sdq.variants import ComputeUnit
from worker.runtimes.onnx import OnnxRuntime

from .conftest import mb, save_package

MODEL = "Data/com.apple.CoreML/model.mlmodel"
WEIGHTS = "Data/com.apple.CoreML/weights/weight.bin"
FIRST_BLOB = 64


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    weight = np.random.RandomState(0).randn(16, 16).astype(np.float32)
    return save_package(
        tmp_path_factory.mktemp("whole") / "net.mlpackage",
        lambda x: mb.silu(x=mb.linear(x=x, weight=weight), name="out"),
        {"x": (2, 16)},
    )


@pytest.fixture
def package(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "net.mlpackage"))


def change_manifest(package: Path, change: Callable[[dict[str, Any]], None]) -> None:
    file = package / "Manifest.json"
    document = json.loads(file.read_text())
    change(document)
    file.write_text(json.dumps(document))


def point_model_at(path: str) -> Callable[[Path], None]:
    def change(document: dict[str, Any]) -> None:
        document["itemInfoEntries"][document["rootModelIdentifier"]]["path"] = path

    return lambda package: change_manifest(package, change)


def change_model(package: Path, change: Callable[[Any, Any], None]) -> None:
    spec = Model_pb2.Model()
    spec.ParseFromString((package / MODEL).read_bytes())
    block = next(iter(spec.mlProgram.functions["main"].block_specializations.values()))
    change(spec, block)
    (package / MODEL).write_bytes(spec.SerializeToString())


def in_model(change: Callable[[Any, Any], None]) -> Callable[[Path], None]:
    return lambda package: change_model(package, change)


def weight_value(block: Any) -> Any:
    """The value of the only matrix."""
    (value,) = (
        op.attributes["val"]
        for op in block.operations
        if len(op.attributes["val"].type.tensorType.dimensions) == 2
    )
    return value


def in_weights(at: int, layout: str, value: int) -> Callable[[Path], None]:
    def change(package: Path) -> None:
        data = bytearray((package / WEIGHTS).read_bytes())
        struct.pack_into(layout, data, at, value)
        (package / WEIGHTS).write_bytes(data)

    return change


def cut(file: str, size: int) -> Callable[[Path], None]:
    return lambda package: (package / file).write_bytes((package / file).read_bytes()[:size])  # type: ignore[func-returns-value]


def set_shape(size: int) -> Callable[[Any, Any], None]:
    def change(_: Any, block: Any) -> None:
        weight_value(block).type.tensorType.dimensions[0].constant.size = size

    return change


def set_offset(offset: int) -> Callable[[Any, Any], None]:
    def change(_: Any, block: Any) -> None:
        weight_value(block).blobFileValue.offset = offset

    return change


def set_blob_file(name: str) -> Callable[[Any, Any], None]:
    def change(_: Any, block: Any) -> None:
        weight_value(block).blobFileValue.fileName = name

    return change


def forget_first_operation(_: Any, block: Any) -> None:
    del block.operations[0]


def give_twice(_: Any, block: Any) -> None:
    block.operations.add().CopyFrom(block.operations[0])


def nothing_out(_: Any, block: Any) -> None:
    block.outputs[0] = "nowhere"


def flexible(spec: Any, _: Any) -> None:
    dimension = spec.mlProgram.functions["main"].inputs[0].type.tensorType.dimensions[0]
    dimension.unknown.variadic = False


def another_kind(spec: Any, _: Any) -> None:
    spec.neuralNetwork.SetInParent()


def no_function(spec: Any, _: Any) -> None:
    del spec.mlProgram.functions["main"]


DAMAGE: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no manifest": (lambda p: (p / "Manifest.json").unlink(), "no Manifest.json"),
    "manifest is no JSON": (cut("Manifest.json", 30), "Manifest.json"),
    "manifest names nothing": (lambda p: change_manifest(p, dict.clear), "where the model is"),
    "manifest climbs out": (point_model_at("../../../etc/passwd"), "outside"),
    "manifest is absolute": (point_model_at("/etc/passwd"), "outside"),
    "manifest holds a zero byte": (point_model_at("a\0b"), "outside"),
    "manifest names a lost file": (point_model_at("com.apple.CoreML/lost"), "not there"),
    "no model": (lambda p: (p / MODEL).unlink(), "not there"),
    "empty model": (cut(MODEL, 0), "empty"),
    "truncated model": (cut(MODEL, 200), "damaged"),
    "model is noise": (lambda p: (p / MODEL).write_bytes(b"\xff" * 500), "damaged"),
    "Git LFS pointer": (
        lambda p: (p / WEIGHTS).write_text("version https://git-lfs.github.com/spec/v1\n"),
        "git lfs pull",
    ),
    "no weights": (lambda p: (p / WEIGHTS).unlink(), "not there"),
    "empty weights": (cut(WEIGHTS, 0), "empty"),
    "weights cut in the header": (cut(WEIGHTS, 40), "truncated"),
    "weights cut in the metadata": (cut(WEIGHTS, 100), "truncated"),
    "weights cut in the data": (cut(WEIGHTS, 700), "truncated"),
    "no sentinel": (in_weights(FIRST_BLOB, "<I", 0), "no tensor"),
    "unknown data type": (in_weights(FIRST_BLOB + 4, "<I", 99), "data type 99"),
    "another data type": (in_weights(FIRST_BLOB + 4, "<I", 1), "expected fp32"),
    "wrong size": (in_weights(FIRST_BLOB + 8, "<Q", 4), "needs 1024"),
    "data outside": (in_weights(FIRST_BLOB + 16, "<Q", 2**63), "ends at"),
    "data inside the metadata": (in_weights(FIRST_BLOB + 16, "<Q", 0), "ends at"),
    "offset outside": (in_model(set_offset(2**60)), "should begin"),
    "offset in the header": (in_model(set_offset(8)), "should begin"),
    "offset between": (in_model(set_offset(72)), "no tensor"),
    "giant shape": (in_model(set_shape(2**50)), "impossible shape"),
    "larger shape": (in_model(set_shape(17)), "needs 1088"),
    "weights elsewhere": (in_model(set_blob_file("@model_path/../../../etc/passwd")), "outside"),
    "weights absolute": (in_model(set_blob_file("/etc/passwd")), "outside"),
    "undefined name": (in_model(forget_first_operation), "nothing before it gives"),
    "name given twice": (in_model(give_twice), "two operations give"),
    "undefined output": (in_model(nothing_out), "computes its output nowhere"),
    "any size": (in_model(flexible), "one fixed size"),
    "another kind of model": (in_model(another_kind), "not an ML program"),
    "no function": (in_model(no_function), "no function 'main'"),
}


@pytest.mark.parametrize(("damage", "words"), DAMAGE.values(), ids=DAMAGE)
def test_is_refused_in_one_sentence(
    damage: Callable[[Path], Any], words: str, package: Path, runtime: OnnxRuntime, tmp_path: Path
) -> None:
    damage(package)
    with pytest.raises(PackageError) as caught:
        runtime.load(package, ComputeUnit.ALL)
    message = str(caught.value)
    assert words in message
    assert "net.mlpackage" in message
    assert "\n" not in message
    assert message.endswith(".")
    assert not list((tmp_path / "cache").glob("*"))


def test_what_is_not_there_is_missing(runtime: OnnxRuntime, tmp_path: Path) -> None:
    with pytest.raises(InputMissingError, match="does not exist"):
        runtime.load(tmp_path / "lost.mlpackage", ComputeUnit.ALL)


def test_a_compiled_model_is_sent_to_core_ml(runtime: OnnxRuntime, tmp_path: Path) -> None:
    (tmp_path / "Unet.mlmodelc").mkdir()
    with pytest.raises(PackageError, match="only Core ML reads"):
        runtime.load(tmp_path / "Unet.mlmodelc", ComputeUnit.ALL)


def test_every_unknown_operation_is_named_at_once(package: Path, runtime: OnnxRuntime) -> None:
    def rename(_: Any, block: Any) -> None:
        for operation in block.operations:
            if operation.type in ("silu", "linear"):
                operation.type = f"new_{operation.type}"

    change_model(package, rename)
    with pytest.raises(PackageError, match="new_linear; new_silu"):
        runtime.load(package, ComputeUnit.ALL)


def test_every_unknown_use_is_named_at_once(tmp_path: Path, runtime: OnnxRuntime) -> None:
    def build(x: Any) -> Any:
        x = mb.concat(values=(x, x), axis=0, interleave=True)
        return mb.scatter_nd(
            data=x,
            indices=np.array([[0]], np.int32),
            updates=np.ones((1, 3), np.float32),
            mode="div",
        )

    package = save_package(tmp_path / "odd.mlpackage", build, {"x": (2, 3)})
    with pytest.raises(PackageError, match=r"concat \(interleave.*scatter_nd \(mode div"):
        runtime.load(package, ComputeUnit.ALL)


def test_linked_files_are_followed(package: Path, runtime: OnnxRuntime, tmp_path: Path) -> None:
    """Download caches keep the large files elsewhere."""
    blob = tmp_path / "blob"
    (package / WEIGHTS).rename(blob)
    (package / WEIGHTS).symlink_to(blob)
    assert runtime.load(package, ComputeUnit.ALL).expected_inputs["x"]["shape"] == (2, 16)


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({}, "x is missing"),
        ({"x": np.zeros((2, 16)), "y": np.zeros(1)}, "y is unknown"),
        ({"x": np.zeros((3, 16))}, r"as \[2, 16\], not as \[3, 16\]"),
    ],
)
def test_wrong_inputs_are_named(
    whole: Path, runtime: OnnxRuntime, inputs: dict[str, Any], words: str
) -> None:
    with pytest.raises(PackageError, match=words):
        runtime.load(whole, ComputeUnit.ALL)(**inputs)
