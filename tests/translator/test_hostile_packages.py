"""Packages that are damaged, incomplete or made to do harm: one clear sentence each, and nothing else happens."""

from __future__ import annotations

import json
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdq_core.errors import InputMissingError, PackageError
from sdq_core.values.variants import ComputeUnit
from worker.runtimes.onnx import OnnxRuntime

from .building import MIL_pb2, Model_pb2, mb, save_package

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
        if "val" in op.attributes and len(op.attributes["val"].type.tensorType.dimensions) == 2
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


def image_of(colours: int) -> Callable[[Any, Any], None]:
    def change(spec: Any, _: Any) -> None:
        spec.description.input[0].type.imageType.colorSpace = colours

    return change


def flexible(spec: Any, _: Any) -> None:
    dimension = spec.mlProgram.functions["main"].inputs[0].type.tensorType.dimensions[0]
    dimension.unknown.variadic = False


def another_kind(spec: Any, _: Any) -> None:
    spec.neuralNetwork.SetInParent()


def zero_hides_a_giant(_: Any, block: Any) -> None:
    dimensions = weight_value(block).type.tensorType.dimensions
    dimensions[0].constant.size, dimensions[1].constant.size = 0, 2**63


def very_many_dimensions(_: Any, block: Any) -> None:
    dimensions = weight_value(block).type.tensorType.dimensions
    dimensions.extend([dimensions[0]] * 10_000)


def name_of_escapes(_: Any, block: Any) -> None:
    block.outputs[0] = "\x1b[2J" + "x" * 5000


def nested_blocks(_: Any, block: Any) -> None:
    inner = block.operations[0].blocks.add()
    for _level in range(40):  # protobuf itself ends at a hundred messages
        inner = inner.operations.add(type="cond").blocks.add()


def far_too_deep(package: Path) -> None:
    """A thousand blocks in each other's operations, where the block of `main` belongs."""
    into_operation, into_block = (
        _number(MIL_pb2.Operation, "blocks"),
        _number(MIL_pb2.Block, "operations"),
    )
    data = b""
    for number in (into_operation, into_block) * 1000:
        data = _length_delimited(number, data)
    entry = _length_delimited(1, b"CoreML5") + _length_delimited(2, data)
    function = _length_delimited(_number(MIL_pb2.Function, "block_specializations"), entry)
    entry = _length_delimited(1, b"main") + _length_delimited(2, function)
    program = _length_delimited(_number(MIL_pb2.Program, "functions"), entry)
    (package / MODEL).write_bytes(b"\x08\x06" + _length_delimited(502, program))


def _number(message: Any, field: str) -> int:
    return int(message.DESCRIPTOR.fields_by_name[field].number)


def _length_delimited(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    low, rest = value & 0x7F, value >> 7
    return bytes([low]) if not rest else bytes([low | 0x80]) + _varint(rest)


def in_place_of(file: str, make: Callable[[Path], Any]) -> Callable[[Path], None]:
    def change(package: Path) -> None:
        (package / file).unlink()
        make(package / file)

    return change


def grown(file: str, size: int) -> Callable[[Path], None]:
    """A file with a hole: no disk is used, however large it says it is."""
    return lambda package: os.truncate(package / file, size)


def no_function(spec: Any, _: Any) -> None:
    del spec.mlProgram.functions["main"]


DAMAGE: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no manifest": (lambda p: (p / "Manifest.json").unlink(), "no Manifest.json"),
    "manifest is not JSON": (cut("Manifest.json", 30), "Manifest.json"),
    "manifest names nothing": (lambda p: change_manifest(p, dict.clear), "does not name the model"),
    "manifest climbs out": (point_model_at("../../../etc/passwd"), "outside"),
    "manifest is absolute": (point_model_at("/etc/passwd"), "outside"),
    "manifest holds a zero byte": (point_model_at("a\0b"), "outside"),
    "manifest names a lost file": (point_model_at("com.apple.CoreML/lost"), "is missing"),
    "no model": (lambda p: (p / MODEL).unlink(), "is missing"),
    "empty model": (cut(MODEL, 0), "empty"),
    "truncated model": (cut(MODEL, 200), "damaged"),
    "model is noise": (lambda p: (p / MODEL).write_bytes(b"\xff" * 500), "damaged"),
    "Git LFS pointer": (
        lambda p: (p / WEIGHTS).write_text("version https://git-lfs.github.com/spec/v1\n"),
        "git lfs pull",
    ),
    "no weights": (lambda p: (p / WEIGHTS).unlink(), "is missing"),
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
    "undefined name": (in_model(forget_first_operation), "nothing before it computes"),
    "name given twice": (in_model(give_twice), "two operations compute"),
    "undefined output": (in_model(nothing_out), "computes its output 'nowhere'"),
    "any size": (in_model(flexible), "one fixed size"),
    "a grey image": (in_model(image_of(10)), "an image without colours"),
    "an image of two dimensions": (in_model(image_of(20)), "an image, but has shape (2, 16)"),
    "another kind of model": (in_model(another_kind), "not an ML program"),
    "no function": (in_model(no_function), "no function 'main'"),
    "zero hides a giant": (in_model(zero_hides_a_giant), "impossible shape"),
    "very many dimensions": (in_model(very_many_dimensions), "10,002 dimensions"),
    "a name of escapes": (in_model(name_of_escapes), r"'\x1b[2Jxxx"),
    "nested blocks": (in_model(nested_blocks), "contains blocks"),
    "nested too deep": (far_too_deep, "truncated or damaged"),
    "manifest of gigabytes": (grown("Manifest.json", 2**34), "does not name the model"),
    "manifest nested too deep": (
        lambda p: (p / "Manifest.json").write_text("[" * 500_000),
        "does not name the model",
    ),
    "manifest with a name too long": (point_model_at("a" * 5000), "is missing"),
    "weights with a name too long": (in_model(set_blob_file("a" * 5000)), "is missing"),
    "model of gigabytes": (grown(MODEL, 2**34), "17,179,869,184 bytes"),
    "manifest is a pipe": (in_place_of("Manifest.json", os.mkfifo), "no Manifest.json"),
    "model is a pipe": (in_place_of(MODEL, os.mkfifo), "is missing"),
    "weights are a pipe": (in_place_of(WEIGHTS, os.mkfifo), "is missing"),
    "model is a folder": (in_place_of(MODEL, Path.mkdir), "is missing"),
    "weights are a folder": (in_place_of(WEIGHTS, Path.mkdir), "is missing"),
    "model links to itself": (in_place_of(MODEL, lambda p: p.symlink_to(p)), "is missing"),
    "weights link to a device": (
        in_place_of(WEIGHTS, lambda p: p.symlink_to("/dev/zero")),
        "is missing",
    ),
    "model links out to what is no model": (
        in_place_of(MODEL, lambda p: p.symlink_to("/etc/passwd")),
        "damaged",
    ),
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


def test_a_compiled_model_without_text_is_refused(runtime: OnnxRuntime, tmp_path: Path) -> None:
    (tmp_path / "Unet.mlmodelc").mkdir()
    with pytest.raises(PackageError, match=r"not a complete \.mlmodelc"):
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


def test_operations_that_contradict_themselves_are_damage(
    tmp_path: Path, runtime: OnnxRuntime
) -> None:
    package = save_package(
        tmp_path / "odd.mlpackage",
        lambda x: mb.transpose(x=mb.concat(values=(x, x), axis=1), perm=[1, 0]),
        {"x": (2, 3)},
    )

    def join_nothing(_: Any, block: Any) -> None:
        (concat,) = (op for op in block.operations if op.type == "concat")
        del concat.inputs["values"].arguments[:]

    change_model(package, join_nothing)
    with pytest.raises(PackageError, match=r"odd\.mlpackage.* is damaged \(concat 'concat_0': "):
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
