"""Whole small networks against NumPy: the ways in which Stable Diffusion puts operations together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdq_core.values.variants import ComputeUnit
from worker.runtimes.onnx import OnnxRuntime

from .building import ct, mb, save_package
from .conftest import psnr

_random = np.random.RandomState(11)


def weights(*shape: int) -> np.ndarray:
    return (_random.randn(*shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)


C, HEADS, WIDTH, TOKENS, BATCH = 32, 4, 8, 24, 2
Q, K, V, OUT = (weights(C, C) for _ in range(4))
TALL = (BATCH, C, 1, TOKENS)
WORDS = (BATCH, C, 1, 7)


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def attention_reference(x: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Multi-head attention of x over words, both [B, C, 1, tokens], and the sum with x."""

    def heads(matrix: np.ndarray, values: np.ndarray) -> np.ndarray:
        return (matrix @ values[:, :, 0]).reshape(BATCH, HEADS, WIDTH, -1)

    q, k, v = heads(Q, x), heads(K, words), heads(V, words)
    scores = softmax(np.einsum("bncq,bnck->bnqk", q, k) * WIDTH**-0.5)
    joined = np.einsum("bnqk,bnck->bncq", scores, v).reshape(BATCH, C, -1)
    return x + (OUT @ joined)[:, :, None]


def pointwise(x: Any, matrix: np.ndarray) -> Any:
    return mb.conv(x=x, weight=matrix[:, :, None, None], pad_type="valid")


def original(x: Any, words: Any) -> Any:
    """Attention over all heads at once, as `original` lays it out."""
    q, k, v = (
        mb.reshape(x=pointwise(source, matrix), shape=[BATCH, HEADS, WIDTH, -1])
        for source, matrix in ((x, Q), (words, K), (words, V))
    )
    scores = mb.mul(x=mb.matmul(x=q, y=k, transpose_x=True), y=np.float32(WIDTH**-0.5))
    joined = mb.matmul(x=v, y=mb.softmax(x=scores, axis=-1), transpose_y=True)
    joined = mb.reshape(x=joined, shape=[BATCH, C, 1, TOKENS])
    return mb.add(x=x, y=pointwise(joined, OUT))


def part(x: Any, axis: int, first: int, end: int) -> Any:
    """Every element of `x` with index first to end along one axis."""
    begin, ends = [0] * 4, list(x.shape)
    begin[axis], ends[axis] = first, end
    mask = [i != axis for i in range(4)]
    return mb.slice_by_index(x=x, begin=begin, end=ends, end_mask=mask)


def split_einsum(x: Any, words: Any, query_chunk: int = TOKENS, mask: Any = None) -> Any:
    """Attention head by head, as `split_einsum` lays it out; with chunks of the query, as `split_einsum_v2`."""
    q, k, v = pointwise(x, Q), pointwise(words, K), pointwise(words, V)
    k = mb.transpose(x=k, perm=[0, 3, 2, 1])
    heads = []
    for head in range(HEADS):
        first, end = head * WIDTH, (head + 1) * WIDTH
        key, value = part(k, 3, first, end), part(v, 1, first, end)
        chunks = []
        for start in range(0, TOKENS, query_chunk):
            query = part(q, 1, first, end)
            if query_chunk < TOKENS:
                query = part(query, 3, start, start + query_chunk)
            scores = mb.einsum(values=(key, query), equation="bkhc,bchq->bkhq")
            scores = mb.mul(x=scores, y=np.float32(WIDTH**-0.5))
            if mask is not None:
                scores = mb.add(x=scores, y=mask)
            scores = mb.softmax(x=scores, axis=1)
            chunks.append(mb.einsum(values=(value, scores), equation="bchk,bkhq->bchq"))
        heads.append(mb.concat(values=chunks, axis=3) if len(chunks) > 1 else chunks[0])
    return mb.add(x=x, y=pointwise(mb.concat(values=heads, axis=1), OUT))


ATTENTION = {
    "original": original,
    "split_einsum": split_einsum,
    "split_einsum_v2": lambda x, words: split_einsum(x, words, query_chunk=8),
}


@pytest.mark.parametrize("target", ["macOS13", "macOS15"])
@pytest.mark.parametrize("build", ATTENTION.values(), ids=ATTENTION)
def test_attention_is_the_same_in_every_layout(
    build: Callable[..., Any], target: str, evaluate: Callable[..., Any]
) -> None:
    inputs = {"x": weights(*TALL) * 9, "words": weights(*WORDS) * 9}
    (result,) = evaluate(build, inputs, target=target).values()
    np.testing.assert_allclose(result, attention_reference(**inputs), rtol=1e-4, atol=1e-4)


NORM_SCALE, NORM_SHIFT = weights(C, 1)[:, 0], weights(C, 1)[:, 0]
NEAR, TIME = weights(C, C, 3, 3), weights(C, 16)


def group_norm(x: Any, groups: int = 8) -> Any:
    """Group norm as coremltools writes it out."""
    batch, channels, height, width = x.shape
    grouped = mb.reshape(x=x, shape=[batch, groups, channels // groups, height, width])
    mean = mb.reduce_mean(x=grouped, axes=[2, 3, 4], keep_dims=True)
    centred = mb.sub(x=grouped, y=mean)
    variance = mb.reduce_mean(x=mb.square(x=centred), axes=[2, 3, 4], keep_dims=True)
    deviation = mb.sqrt(x=mb.add(x=variance, y=np.float32(1e-5)))
    flat = mb.reshape(x=mb.real_div(x=centred, y=deviation), shape=[batch, channels, height, width])
    zero, one = np.zeros(channels, np.float32), np.ones(channels, np.float32)
    return mb.batch_norm(
        x=flat, mean=zero, variance=one, gamma=NORM_SCALE, beta=NORM_SHIFT, epsilon=1e-12
    )


def group_norm_reference(x: np.ndarray, groups: int = 8) -> np.ndarray:
    flat = x.reshape(x.shape[0], groups, -1).astype(np.float64)
    flat = (flat - flat.mean(-1, keepdims=True)) / np.sqrt(flat.var(-1, keepdims=True) + 1e-5)
    return flat.reshape(x.shape) * NORM_SCALE[:, None, None] + NORM_SHIFT[:, None, None]


def test_group_norm(evaluate: Callable[..., Any]) -> None:
    x = (_random.randn(2, C, 8, 8) * 3 + 1).astype(np.float32)
    (result,) = evaluate(group_norm, {"x": x}).values()
    np.testing.assert_allclose(result, group_norm_reference(x), rtol=1e-4, atol=1e-4)


def resnet_block(x: Any, time: Any) -> Any:
    h = mb.conv(x=mb.silu(x=group_norm(x)), weight=NEAR, pad_type="custom", pad=[1, 1, 1, 1])
    t = mb.linear(x=mb.silu(x=time), weight=TIME)
    h = mb.add(x=h, y=mb.expand_dims(x=t, axes=[2, 3]))
    return mb.add(x=x, y=h)


@pytest.mark.parametrize("target", ["macOS13", "macOS15"])
def test_half_precision_packages_agree_with_single(
    target: str, tmp_path: Path, runtime: OnnxRuntime
) -> None:
    """The converter's own passes, fp16 weights and fp16 casts everywhere, as real packages are."""
    inputs = {
        "x": _random.randn(2, C, 16, 16).astype(np.float32),
        "time": _random.randn(2, 16).astype(np.float32),
    }
    shapes = {name: array.shape for name, array in inputs.items()}
    results = []
    for name, precision in (("half", ct.precision.FLOAT16), ("single", ct.precision.FLOAT32)):
        package = tmp_path / f"{name}.mlpackage"
        save_package(package, resnet_block, shapes, target=target, passes=True, precision=precision)
        results += runtime.load(package, ComputeUnit.ALL)(**inputs).values()
    assert psnr(results[1], results[0]) > 60


def test_chunks_chain_by_name(tmp_path: Path, runtime: OnnxRuntime) -> None:
    """The outputs of a U-Net's first chunk are inputs of its second."""

    def first(sample: Any, timestep: Any) -> Any:
        hidden = mb.conv(x=sample, weight=NEAR, pad_type="same", name="hidden")
        return hidden, mb.linear(x=timestep, weight=TIME, name="emb")

    def second(hidden: Any, emb: Any, sample: Any) -> Any:
        joined = mb.add(x=hidden, y=mb.expand_dims(x=emb, axes=[2, 3]))
        return mb.add(x=joined, y=sample, name="noise_pred")

    def both(sample: Any, timestep: Any) -> Any:
        return second(*first(sample, timestep), sample)

    sample, timestep = weights(2, C, 8, 8), weights(2, 16)
    shapes = {"sample": sample.shape, "timestep": timestep.shape}
    middle = {"hidden": sample.shape, "emb": (2, C), "sample": sample.shape}
    packages = {"first": (first, shapes), "second": (second, middle), "both": (both, shapes)}
    models = {}
    for name, (build, inputs) in packages.items():
        package = save_package(tmp_path / f"{name}.mlpackage", build, inputs)
        models[name] = runtime.load(package, ComputeUnit.ALL)
    between = models["first"](sample=sample, timestep=timestep)
    assert set(between) == {"hidden", "emb"}
    chained = models["second"](**between, sample=sample)
    whole = models["both"](sample=sample, timestep=timestep)
    np.testing.assert_allclose(chained["noise_pred"], whole["noise_pred"], rtol=1e-5, atol=1e-5)


def test_control_residuals_are_inputs_like_any_other(tmp_path: Path, runtime: OnnxRuntime) -> None:
    names = ["sample", *(f"additional_residual_{i}" for i in range(3))]

    def build(*values: Any) -> Any:
        x = values[0]
        for residual in values[1:]:
            x = mb.silu(x=mb.add(x=x, y=residual))
        return mb.identity(x=x, name="noise_pred")

    def named(
        sample: Any,
        additional_residual_0: Any,
        additional_residual_1: Any,
        additional_residual_2: Any,
    ) -> Any:
        return build(sample, additional_residual_0, additional_residual_1, additional_residual_2)

    inputs = {name: weights(2, 4, 8, 8) for name in names}
    package = save_package(tmp_path / "unet.mlpackage", named, dict.fromkeys(names, (2, 4, 8, 8)))
    model = runtime.load(package, ComputeUnit.ALL)
    assert list(model.expected_inputs) == names
    expected = inputs["sample"]
    for name in names[1:]:
        expected = expected + inputs[name]
        expected = expected / (1 + np.exp(-expected))
    np.testing.assert_allclose(model(**inputs)["noise_pred"], expected, rtol=1e-5, atol=1e-6)


def test_a_safety_checker_blacks_out_what_it_flags(evaluate: Callable[..., Any]) -> None:
    """non_zero of computed length, then scatter_nd at what it found, as the checker's converter writes it."""

    def build(images: Any, scores: Any) -> Any:
        flagged = mb.greater(x=scores, y=np.float32(0.5))
        found = mb.non_zero(x=mb.cast(x=flagged, dtype="int32"))
        count = mb.gather(x=mb.shape(x=found), indices=np.array([0], np.int32), axis=0)
        reps = mb.concat(values=(count, np.array([1, 1, 1], np.int32)), axis=0)
        black = mb.tile(x=np.zeros((1, 3, 4, 4), np.float32), reps=reps)
        return mb.scatter_nd(data=images, indices=found, updates=black, mode="update")

    images = _random.rand(3, 3, 4, 4).astype(np.float32)
    for scores in ([0.1, 0.9, 0.7], [0.1, 0.2, 0.3]):
        array = np.array(scores, np.float32)
        (result,) = evaluate(build, {"images": images, "scores": array}).values()
        expected = images * (array <= 0.5)[:, None, None, None]
        np.testing.assert_array_equal(result, expected)


def test_inputs_are_left_as_they_are(tmp_path: Path, runtime: OnnxRuntime) -> None:
    package = save_package(tmp_path / "n.mlpackage", lambda x: mb.square(x=x), {"x": (4,)})
    model = runtime.load(package, ComputeUnit.ALL)
    for dtype in (np.float16, np.float32, np.float64):
        x = np.array([1, 2, 3, 4], dtype)
        x.flags.writeable = False
        (result,) = model(x=x).values()
        assert result.tolist() == [1, 4, 9, 16]
        assert x.dtype == dtype
