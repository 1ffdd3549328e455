"""Compressed weights: bit for bit what coremltools decompresses, in both package formats; damage is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdq_core.errors import PackageError
from sdq_core.models.package import Package
from sdq_core.values.variants import ComputeUnit
from worker.mlpackage import compression, datatypes
from worker.mlpackage.program import Program
from worker.mlpackage.proto import read_program
from worker.runtimes.onnx import OnnxRuntime

from .building import convert, ct, cto, mb

WEIGHT = np.random.RandomState(5).randn(32, 32).astype(np.float32)
X = np.random.RandomState(6).randn(4, 32).astype(np.float32)


def network(x: Any) -> Any:
    return mb.linear(x=x, weight=WEIGHT)


def base(target: str) -> Any:
    return convert(
        network, {"x": X.shape}, target=target, passes=True, precision=ct.precision.FLOAT16
    )


def decoded(program: Program) -> list[np.ndarray]:
    """Every weight of the network, decoded by sdq alone."""
    from worker.runtimes.onnx.translate import translate

    graph = translate(program)
    return [np.asarray(i.load()) for i in graph.initializers.values() if i.shape == WEIGHT.shape]


def palettized(**options: Any) -> Callable[[Any], Any]:
    config = cto.OptimizationConfig(
        global_config=cto.OpPalettizerConfig(mode="uniform", weight_threshold=10, **options)
    )
    return lambda model: cto.palettize_weights(model, config)


def quantized(**options: Any) -> Callable[[Any], Any]:
    config = cto.OptimizationConfig(
        global_config=cto.OpLinearQuantizerConfig(weight_threshold=10, **options)
    )
    return lambda model: cto.linear_quantize_weights(model, config)


def pruned(model: Any) -> Any:
    config = cto.OptimizationConfig(
        global_config=cto.OpMagnitudePrunerConfig(target_sparsity=0.6, weight_threshold=10)
    )
    return cto.prune_weights(model, config)


def jointly(second: Callable[..., Any], config: Any) -> Callable[[Any], Any]:
    settings = cto.OptimizationConfig(global_config=config)
    return lambda model: second(pruned(model), settings, joint_compression=True)


GROUPED = {"granularity": "per_grouped_channel", "group_size": 8}
FORMS = {
    **{f"lut{bits}": ("macOS13", palettized(nbits=bits)) for bits in (1, 2, 4, 6, 8)},
    **{f"lut{bits}-new": ("macOS15", palettized(nbits=bits)) for bits in (1, 2, 3, 4, 6, 8)},
    **{f"lut{bits}-grouped": ("macOS15", palettized(nbits=bits, **GROUPED)) for bits in (2, 4)},
    "affine": ("macOS13", quantized(mode="linear")),
    "affine-symmetric": ("macOS13", quantized(mode="linear_symmetric")),
    "blockwise-int4": (
        "macOS15",
        quantized(dtype="int4", granularity="per_block", block_size=8),
    ),
    "blockwise-uint4": (
        "macOS15",
        quantized(dtype="uint4", mode="linear", granularity="per_block", block_size=16),
    ),
    "blockwise-int8": ("macOS15", quantized(dtype="int8", granularity="per_channel")),
    "sparse": ("macOS13", pruned),
    "sparse-new": ("macOS15", pruned),
    "sparse-lut": (
        "macOS15",
        jointly(
            cto.palettize_weights,
            cto.OpPalettizerConfig(mode="uniform", nbits=4, weight_threshold=10),
        ),
    ),
    "sparse-int8": (
        "macOS15",
        jointly(
            cto.linear_quantize_weights,
            cto.OpLinearQuantizerConfig(mode="linear_symmetric", weight_threshold=10),
        ),
    ),
}


@pytest.mark.parametrize(("target", "compress"), FORMS.values(), ids=FORMS)
def test_decodes_bit_for_bit_as_coremltools(
    target: str, compress: Callable[[Any], Any], tmp_path: Path, runtime: OnnxRuntime
) -> None:
    model = compress(base(target))
    model.save(str(tmp_path / "small.mlpackage"))
    cto.decompress_weights(model).save(str(tmp_path / "dense.mlpackage"))
    small = read_program(Package.open(tmp_path / "small.mlpackage"))
    dense = read_program(Package.open(tmp_path / "dense.mlpackage"))

    assert any(op.type in compression.DECODERS for op in small.operations)
    ours, theirs = decoded(small), decoded(dense)
    assert len(ours) == len(theirs) == 1
    np.testing.assert_array_equal(ours[0], theirs[0])

    loaded = runtime.load(tmp_path / "small.mlpackage", ComputeUnit.ALL)
    (result,) = loaded(x=X).values()
    np.testing.assert_allclose(result, X @ theirs[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 6, 8])
@pytest.mark.parametrize("count", [1, 5, 8, 37])
def test_unpacks_every_width(bits: int, count: int) -> None:
    values = np.random.RandomState(bits).randint(0, 2**bits, count)
    number = sum(int(value) << (bits * place) for place, value in enumerate(values))
    packed = np.frombuffer(number.to_bytes((bits * count + 7) // 8, "little"), np.uint8)
    np.testing.assert_array_equal(datatypes.unpack_bits(packed, bits, count), values)


def test_unpacks_signed_nibbles() -> None:
    packed = np.array([0x8A, 0x7F], np.uint8)
    assert datatypes.unpack(packed, datatypes.INT4, 4).tolist() == [-6, -8, -1, 7]


def test_follows_the_examples_of_the_definition() -> None:
    indices = np.array([2, 3, 3, 0, 1, 0, 3, 0, 2, 1, 0, 3], np.uint8).reshape(6, 2)
    tables = np.array([1, 5, 9, 13, 2, 10, 18, 26], np.float16).reshape(2, 1, 4, 1)
    grouped = compression.lut_to_dense(tables, indices, None)
    assert grouped.tolist() == [[9, 13], [13, 1], [5, 1], [26, 2], [18, 10], [2, 26]]

    indices = np.array([[[0, 0], [1, 0]], [[1, 1], [0, 0]]], np.uint8)
    vectors = np.array([[1, 2, 3], [4, 5, 6]], np.int8).reshape(1, 1, 1, 2, 3)
    assert compression.lut_to_dense(vectors, indices, 1)[0].tolist() == [
        [1, 1], [2, 2], [3, 3], [4, 1], [5, 2], [6, 3],
    ]  # fmt: skip
    assert compression.lut_to_dense(vectors, indices, -1)[0].tolist() == [
        [1, 2, 3, 1, 2, 3],
        [4, 5, 6, 1, 2, 3],
    ]


@pytest.mark.parametrize(
    "decode",
    [
        lambda: compression.lut_to_dense_packed(np.zeros(3), np.zeros(4, np.uint8), (16,)),
        lambda: compression.lut_to_dense_packed(np.zeros(4), np.zeros(3, np.uint8), (16,)),
        lambda: compression.lut_to_dense(np.zeros((2, 4, 1)), np.zeros(3, np.uint8), None),
        lambda: compression.lut_to_dense(np.zeros((1, 4, 1)), np.full(3, 9, np.uint8), None),
        lambda: compression.lut_to_dense(np.zeros((1, 4, 2)), np.zeros(3, np.uint8), None),
        lambda: compression.affine_dequantize(np.zeros((2, 3)), np.ones(4), np.zeros(1), 1),
        lambda: compression.blockwise_shift_scale(np.zeros((2, 3)), np.ones((2, 2)), None),
        lambda: compression.sparse_to_dense(np.ones(2), np.ones(3, np.uint8)),
        lambda: compression.sparse_to_dense_packed(np.ones(2), np.ones(3, np.uint8), (8,)),
    ],
)
def test_refuses_parts_that_do_not_fit(decode: Callable[[], Any]) -> None:
    with pytest.raises(ValueError, match=r"\d"):
        decode()


def test_a_table_of_the_wrong_size_is_a_damaged_package(
    tmp_path: Path, runtime: OnnxRuntime
) -> None:
    model = palettized(nbits=4)(base("macOS13"))
    spec = model.get_spec()
    block = next(iter(spec.mlProgram.functions["main"].block_specializations.values()))
    (lut,) = (op for op in block.operations if op.type == "constexpr_lut_to_dense")
    sizes = lut.attributes["shape"].immediateValue.tensor
    sizes.bytes.values = np.array([64, 32], np.uint32).tobytes()
    package = tmp_path / "bad.mlpackage"
    ct.models.MLModel(spec, weights_dir=model.weights_dir, skip_model_load=True).save(str(package))
    with pytest.raises(PackageError, match="constexpr_lut_to_dense"):
        runtime.load(package, ComputeUnit.ALL)
