"""Every form that Apple's texts have, and what is said of any other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdq_core.errors import PackageError
from sdq_core.models.network import read_network
from tests.mlmodelc.writing import BODY, blob, half, program, read
from worker.mlpackage.program import Constant, Program

PALETTE = half(*np.arange(16) / 4)
OLD = """program(1.0)
[buildInfo = dict<tensor<string, []>, tensor<string, []>>({{"coremlc-version", "1.2.3"}, {"coremltools-version", "9.0"}})]
{
    func main<ios16>(tensor<fp16, [1, 4, 16, 16]> z) {
            tensor<int32, [4]> pad = const()[name = tensor<string, []>("pad"), val = tensor<int32, [4]>([0, 0, 0, 0])];
            tensor<fp16, [2, 4, 1, 1]> w = constexpr_lut_to_dense()[indices = tensor<uint8, [4]>(BLOBFILE(path = tensor<string, []>("@model_path/weights/weight.bin"), offset = tensor<uint64, []>(64))), lut = tensor<fp16, [16]>(BLOBFILE(path = tensor<string, []>("@model_path/weights/weight.bin"), offset = tensor<uint64, []>(192))), name = tensor<string, []>("w"), shape = tensor<uint32, [4]>([2, 4, 1, 1])];
            tensor<fp16, [1, 2, 16, 16]> y = conv(pad = pad, weight = w, x = z)[name = tensor<string, []>("op_7")];
            tensor<fp16, []> half = const()[name = tensor<string, []>("half"), val = tensor<fp16, []>(0x1.8p-2)];
            tensor<bool, []> interleave = const()[name = tensor<string, []>("interleave"), val = tensor<bool, []>(false)];
            tensor<fp16, [1, 4, 16, 16]> both = concat(interleave = interleave, values = (y, y))[name = tensor<string, []>("both")];
        } -> (both);
}"""  # noqa: E501
NEW = f"""program(1.3)
[buildInfo = dict<string, string>({{{{"coremlc-version", "1.2.3"}}}})]
{{
    func main<ios18>(tensor<fp16, [1, 4, 16, 16]> z) {{
            tensor<uint4, [2, 4, 1, 1]> indices = const()[name = string("indices"), val = {blob("tensor<uint4, [2, 4, 1, 1]>", 64)}];
            tensor<fp16, [2, 4, 1, 1]> w = constexpr_lut_to_dense(indices = indices, lut = {blob("tensor<fp16, [1, 1, 1, 1, 16, 1]>", 192)})[name = string("w")];
            int32 groups = const()[name = string("groups"), val = int32(1)];
            tensor<fp16, [1, 2, ?, 16]> a, tensor<int32, [?]> b = split(axis = int32(-1), x = z);
            tensor<fp32, [1, 4, 16, 16]> out = cast(dtype = string("fp32"), x = z);
        }} -> (out, a);
}}"""  # noqa: E501


def inputs(found: Program, index: int) -> dict[str, Any]:
    return {
        key: [a.load().tolist() if isinstance(a, Constant) else a for a in group]
        for key, group in found.operations[index].inputs.items()
    }


def test_version_1_0(tmp_path: Path) -> None:
    found = read(tmp_path, OLD, {64: ("uint8", bytes([0x10, 0x32, 0x54, 0x76])), 192: PALETTE})
    assert (found.opset, found.outputs) == ("CoreML6", ("both",))
    assert [(t.name, t.dtype.name, t.shape) for t in found.inputs] == [
        ("z", "fp16", (1, 4, 16, 16))
    ]
    assert found.constants["pad"].load().tolist() == [0, 0, 0, 0]
    assert found.constants["half"].load() == np.float16(0.375)
    assert found.constants["interleave"].load().dtype == np.bool_
    assert [(o.type, o.name) for o in found.operations] == [
        ("constexpr_lut_to_dense", "w"), ("conv", "y"), ("concat", "both"),
    ]  # fmt: skip
    assert inputs(found, 0) == {
        "indices": [[0x10, 0x32, 0x54, 0x76]],
        "lut": [(np.arange(16) / 4).tolist()],
        "shape": [[2, 4, 1, 1]],
    }
    assert inputs(found, 2) == {"interleave": ["interleave"], "values": ["y", "y"]}
    assert read_network(tmp_path / "net.mlmodelc").precision == "4-bit"


def test_version_1_3(tmp_path: Path) -> None:
    found = read(tmp_path, NEW, {64: ("uint4", bytes([0x10, 0x32, 0x54, 0x76])), 192: PALETTE})
    assert (found.opset, found.outputs) == ("CoreML8", ("out", "a"))
    assert found.constants["indices"].load().ravel().tolist() == list(range(8))
    assert found.constants["groups"].load().shape == ()
    assert inputs(found, 0)["indices"] == ["indices"]
    assert np.ravel(inputs(found, 0)["lut"]).tolist() == (np.arange(16) / 4).tolist()
    split = found.operations[1]
    assert [(t.name, t.shape) for t in split.outputs] == [("a", (1, 2, None, 16)), ("b", (None,))]
    assert inputs(found, 1) == {"axis": [-1], "x": ["z"]}
    assert inputs(found, 2)["dtype"] == ["fp32"]
    network = read_network(tmp_path / "net.mlmodelc")
    assert network.precision == "4-bit"
    assert network.outputs == {"out": (1, 4, 16, 16), "a": ()}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("fp16(0x1.8p-2)", 0.375),
        ("fp32(-0x1p-149)", -(2.0**-149)),
        ("tensor<fp16, [3]>([inf, -inf, -0x0p+0])", [np.inf, -np.inf, -0.0]),
        ("fp32(1.5)", 1.5),
        ("fp32(2)", 2.0),
        ("tensor<fp32, [2, 1, 2]>([[[0x1p+0, 0x1p+1]], [[0x1p+2, 0x1p+3]]])", [[[1, 2]], [[4, 8]]]),
        ("tensor<int32, [0]>([])", []),
        ("tensor<int32, [2, 0]>([[], []])", [[], []]),
        ("tensor<int4, [2]>([-8, 7])", [-8, 7]),
        ("uint6(63)", 63),
        ("uint64(18446744073709551615)", 2**64 - 1),
        ("int64(-9223372036854775808)", -(2**63)),
        ("tensor<bool, [2]>([true, false])", [True, False]),
        ('string("nchw,nkcl->x")', "nchw,nkcl->x"),
        (r'string("a \"b\" \\ c")', r'a "b" \ c'),
        ('tensor<string, [2]>(["a", "b,]"])', ["a", "b,]"]),
        ('list<string, 2>(["a", "b"])', ["a", "b"]),
        ("list<tensor<int32, []>, 2>([1, 2])", [1, 2]),
        (" tensor < fp16 , [ 2 ] >\n (\n[ 0x1p+0 ,\t-0x1p+0 ] )", [1.0, -1.0]),
    ],
)
def test_a_value(written: str, value: Any, tmp_path: Path) -> None:
    found = read(tmp_path, program(f"tensor<fp32, [2]> y = relu(alpha = {written}, x = x)[];"))
    ((constant,), _) = found.operations[0].inputs.values()
    assert isinstance(constant, Constant)
    array = constant.load()
    assert array.dtype == constant.dtype.numpy
    assert array.shape == constant.shape
    np.testing.assert_array_equal(array, np.array(value, array.dtype).reshape(array.shape))
    assert str(array.tolist()) == str(np.array(value, array.dtype).reshape(array.shape).tolist())


def test_a_name_for_people_may_be_anything(tmp_path: Path) -> None:
    for name in (r'string("\x41 \" \n")', 'tensor<string, []>("a")', 'string("")'):
        text = program(f"{BODY[:-1]}[axis = int32(1), name = {name}];")
        assert inputs(read(tmp_path, text), 0) == {"axis": [1], "x": ["x"]}


def test_a_number_that_is_none(tmp_path: Path) -> None:
    found = read(tmp_path, program("tensor<fp32, [2]> y = relu(alpha = fp16(-nan), x = x);"))
    (constant,) = found.operations[0].inputs["alpha"]
    assert isinstance(constant, Constant)
    assert np.isnan(constant.load())


LINE = 5
REFUSED = {
    # what is wrong -> the text, what is said, and the column in line 5, None for another line
    "no program": ("{}", "expected 'program'", None),
    "another version": (program().replace("1.3", "2.0"), "expected version 1.0 to 1.3", None),
    "no main": (program().replace("main", "other"), "it has no function 'main'", None),
    "cut off": (program()[:-16], "expected a type, found the end", None),
    "more behind": (program() + " x", "expected the end", None),
    "no operation": (program("tensor<fp32, [2]> y = x;"), "expected '('", 32),
    "no semicolon": (program(BODY[:-1]), "expected ';', found '}'", None),
    "a key twice": (program("tensor<fp32, [2]> y = relu(x = x, x = x);"), "'x' is given twice", 43),
    "no key": (program("tensor<fp32, [2]> y = relu(x);"), "expected '=', found ')'", 37),
    "a strange sign": (program("tensor<fp32, [2]> y = relu(x = $);"), "'$' begins nothing", 40),
    "an open string": (program(f'{BODY[:-1]}[name = string("y];'), "begins nothing", 57),
    "an unknown type": (program("fp8e4m3fn y = relu(x = x);"), "'fp8e4m3fn' is not a data type", 9),
    "an unknown element": (program("tensor<bf16, [2]> y = relu(x = x);"), "'bf16' is not a data type", 9),
    "sizes that are none": (program("tensor<fp32, [2 2]> y = relu(x = x);"), "sizes are not", 9),
    "no sizes": (program("tensor<fp32> y = relu(x = x);"), "not an element and sizes", 9),
    "an impossible size": (
        program(f"tensor<fp32, [{2**40}]> y = relu(x = x);"), "impossible shape", 9,
    ),
    "too many sizes": (
        program(f"tensor<fp32, [{'1, ' * 40}1]> y = relu(x = x);"), "41 dimensions", 9,
    ),
    "an undefined name": (
        program("tensor<fp32, [2]> y = relu(x = lost);"), "takes 'lost', which nothing before", 9,
    ),
    "a name given twice": (program(f"{BODY} {BODY}"), "two operations compute 'y'", 44),
    "an output of nothing": (program(gives="z"), "nothing computes its output 'z'", None),
    "a constant without a value": (
        program("tensor<fp32, [2]> y = const()[name = string(\"y\")];"), "'y' has no value", 9,
    ),
    "a constant of no one size": (
        program("tensor<fp32, [2]> y = relu(x = tensor<fp32, [?]>([1]));"), "of one size", 40,
    ),
    "too few numbers": (
        program("tensor<fp32, [2]> y = relu(x = tensor<fp32, [2]>([1]));"), "another length", 40,
    ),
    "too few rows": (
        program("tensor<fp32, [2]> y = relu(x = tensor<fp32, [2, 1]>([[1]]));"), "expected ','", 65,
    ),
    "numbers in a row": (
        program("tensor<fp32, [2]> y = relu(x = tensor<fp32, [2, 1]>([1, 1]));"), "expected '['", 61,
    ),
    "a number too large": (program("fp16 y = relu(x = fp16(0x1p+16));"), "larger than fp16", 27),
    "a number far too large": (
        program("fp32 y = relu(x = fp32(0x1p+9999));"), "larger than fp32 can be", 27,
    ),
    "a number that is none": (program("fp16 y = relu(x = fp16(0x1p+x));"), "is not fp16", 27),
    "an integer too large": (program("int4 y = relu(x = int4(8));"), "is not int4", 27),
    "a negative integer": (program("uint8 y = relu(x = uint8(-1));"), "larger than uint8 can", 28),
    "a string for a number": (program('int32 y = relu(x = int32("1"));'), "expected a number", 34),
    "a number for a string": (program("int32 y = relu(x = string(1));"), "expected a string", 35),
    "an unknown escape": (
        program(r'int32 y = relu(x = string("\x41"));'), "an escape that is not known", 35,
    ),
    "a dictionary": (
        program('int32 y = relu(x = dict<string, string>({{"a", "b"}}));'), "not a tensor of one", 28,
    ),
    "types in types": (
        program(f"{'list<' * 20}fp16{', 1>' * 20} y = relu(x = x);"), "too many types in it", 49,
    ),
    "an offset that is none": (
        program(f"int32 y = relu(x = {blob('int32', 64).replace('64', '-64', 1)});"), "", None,
    ),
    "a blob in a blob": (
        program(f"fp16 y = relu(x = fp16(BLOBFILE(path = {blob('string', 64)})));"),
        "expected a string, found 'BLOBFILE'",
        55,
    ),
    "values that are not there": (
        program(f"fp16 y = relu(x = {blob('fp16', 64)});"), "should begin at byte 64 of 64", None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_anything_else_is_refused_with_its_place(kind: str, tmp_path: Path) -> None:
    text, words, column = REFUSED[kind]
    with pytest.raises(PackageError) as caught:
        read(tmp_path, text)
    message = str(caught.value)
    assert words in message
    assert "net.mlmodelc" in message
    assert "\n" not in message
    assert len(message) < 500
    assert message.endswith(".")
    if column is not None:
        assert f"(line {LINE}, column {column}: " in message
    elif "weight.bin" not in message:
        assert re.search(r"\(line \d+, column \d+: ", message)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (program(head="tensor<fp32, [?]> x"), "input 'x' has a flexible shape"),
        (
            program().replace(") {", ") [FlexibleShapeInformation = tuple<string>((1))] {"),
            "flexible",
        ),
        (program(head="state<tensor<fp32, [2]>> x"), "'x' is a state, but sdq runs networks of"),
        (program("list<int32, 2> y = f(x = x);"), "'y' is a list, but"),
        (program("tensor<fp32, [2]> y = cond(x = x) { } -> (y);"), "'cond' contains blocks"),
    ],
)
def test_what_a_network_may_not_have_is_refused_as_in_packages(
    text: str, words: str, tmp_path: Path
) -> None:
    with pytest.raises(PackageError, match=re.escape(words)):
        read(tmp_path, text)
    with pytest.raises(PackageError, match=re.escape(words)):
        read_network(tmp_path / "net.mlmodelc")


def test_other_functions_are_passed_over(tmp_path: Path) -> None:
    text = program()
    start = text.index("    func")
    other = (
        text[start:-1].replace("main", "other").replace("relu(x = x)", "f(x = {1, (2)})[a = [[3]]]")
    )
    other = other.replace(") {", ") [FlexibleShapeInformation = dict<string>({})] {")
    for whole in (text[:start] + other + text[start:], text[:-1] + other + "}"):
        assert len(read(tmp_path, whole).operations) == 1
