"""What rewrites recognise, what they must leave alone, and that neither changes results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdq_core.models.package import Package
from worker.mlpackage.proto import read_program
from worker.runtimes.onnx.translate import translate

from . import test_networks as networks
from .building import mb, save_package

WORDS = {"x": networks.TALL, "words": networks.WORDS}


def node_types(
    tmp_path: Path, build: Callable[..., Any], shapes: Any, **options: Any
) -> Counter[str]:
    package = save_package(tmp_path / "counted.mlpackage", build, shapes, **options)
    graph = translate(read_program(Package.open(package)))
    return Counter(node.type for node in graph.nodes)


@pytest.mark.parametrize("layout", networks.ATTENTION)
@pytest.mark.parametrize("passes", [False, True])
def test_heads_are_joined(layout: str, passes: bool, tmp_path: Path) -> None:
    types = node_types(tmp_path, networks.ATTENTION[layout], WORDS, passes=passes)
    assert types["MultiHeadAttention"] == 1
    assert not types["Softmax"]
    assert not types["MatMul"]
    assert not types["Slice"]


def by_split(x: Any, words: Any) -> Any:
    """split_einsum with `split` in place of slices, the operands of einsum and mul exchanged, other labels."""
    q, k, v = (
        networks.pointwise(source, matrix)
        for source, matrix in ((x, networks.Q), (words, networks.K), (words, networks.V))
    )
    k = mb.transpose(x=k, perm=[0, -1, 2, 1])
    n = networks.HEADS
    heads = []
    for query, key, value in zip(
        mb.split(x=q, num_splits=n, axis=1),
        mb.split(x=k, num_splits=n, axis=-1),
        mb.split(x=v, split_sizes=[networks.WIDTH] * n, axis=1),
        strict=True,
    ):
        scores = mb.einsum(values=(key, query), equation="nwhu,nuhv->nwhv")
        scores = mb.softmax(x=mb.mul(x=[np.float32(networks.WIDTH**-0.5)], y=scores), axis=-3)
        heads.append(mb.einsum(values=(value, scores), equation="bchk,bkhq->bchq"))
    return mb.add(x=x, y=networks.pointwise(mb.concat(values=heads, axis=-3), networks.OUT))


def test_heads_are_joined_however_they_were_cut(
    tmp_path: Path, evaluate: Callable[..., Any]
) -> None:
    assert node_types(tmp_path, by_split, WORDS)["MultiHeadAttention"] == 1
    inputs = {"x": networks.weights(*networks.TALL), "words": networks.weights(*networks.WORDS)}
    (result,) = evaluate(by_split, inputs).values()
    expected = networks.attention_reference(**inputs)
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-4)


def swapped_heads(x: Any, words: Any) -> Any:
    """Heads concatenated in another order than they were cut in: not multi-head attention."""
    q, k, v = (
        networks.pointwise(source, matrix)
        for source, matrix in ((x, networks.Q), (words, networks.K), (words, networks.V))
    )
    k = mb.transpose(x=k, perm=[0, 3, 2, 1])
    heads = []
    for head in (1, 0, 2, 3):
        first, end = head * networks.WIDTH, (head + 1) * networks.WIDTH
        key = networks.part(k, 3, first, end)
        query = networks.part(q, 1, first, end)
        scores = mb.einsum(values=(key, query), equation="bkhc,bchq->bkhq")
        scores = mb.softmax(x=mb.mul(x=scores, y=np.float32(networks.WIDTH**-0.5)), axis=1)
        value = networks.part(v, 1, first, end)
        heads.append(mb.einsum(values=(value, scores), equation="bchk,bkhq->bchq"))
    return mb.concat(values=heads, axis=1)


def masked(x: Any, words: Any) -> Any:
    return networks.split_einsum(x, words, mask=np.float32(1.0))


def products(
    x: Any, words: Any, *, key_first: bool = False, axis: int = -1, mask: Any = None, width: int = 8
) -> Any:
    """`original`, and what resembles it."""
    q, k, v = (
        mb.reshape(
            x=networks.pointwise(x, matrix), shape=[networks.BATCH, -1, width, networks.TOKENS]
        )
        for matrix in (networks.Q, networks.K, networks.V)
    )
    scores = (
        mb.matmul(x=k, y=q, transpose_x=True)
        if key_first
        else mb.matmul(x=q, y=k, transpose_x=True)
    )
    scores = mb.mul(x=scores, y=np.float32(8**-0.5))
    if mask is not None:
        scores = mb.add(x=scores, y=mask)
    joined = mb.matmul(x=v, y=mb.softmax(x=scores, axis=axis), transpose_y=True)
    joined = mb.reshape(x=joined, shape=list(networks.TALL))
    return mb.add(x=networks.pointwise(joined, networks.OUT), y=mb.reduce_sum(x=words))


@pytest.mark.parametrize(
    "change", [{"axis": 2}, {"mask": np.float32(1.0)}], ids=["other axis", "mask"]
)
def test_what_only_resembles_products_is_left(change: dict[str, Any], tmp_path: Path) -> None:
    def build(x: Any, words: Any) -> Any:
        return products(x, words, **change)

    assert node_types(tmp_path, build, WORDS)["Softmax"] == 1


@pytest.mark.parametrize(
    "change", [{}, {"key_first": True}, {"width": 16}], ids=["as it is", "keys ask", "two heads"]
)
def test_products_give_what_they_gave(
    change: dict[str, Any], tmp_path: Path, evaluate: Callable[..., Any]
) -> None:
    def build(x: Any, words: Any) -> Any:
        return products(x, words, **change)

    assert node_types(tmp_path, build, WORDS)["MultiHeadAttention"] == 1
    inputs = {"x": networks.weights(*networks.TALL), "words": networks.weights(*networks.WORDS)}
    (result,) = evaluate(build, inputs).values()
    shape = (networks.BATCH, -1, change.get("width", 8), networks.TOKENS)
    q, k, v = (
        (matrix @ inputs["x"][:, :, 0]).reshape(shape)
        for matrix in (networks.Q, networks.K, networks.V)
    )
    if change.get("key_first"):
        q, k = k, q
    weights = networks.softmax(np.einsum("bncq,bnck->bnqk", q, k) * 8**-0.5)
    joined = np.einsum("bnqk,bnck->bncq", weights, v).reshape(networks.BATCH, networks.C, -1)
    expected = (networks.OUT @ joined)[:, :, None] + inputs["words"].sum()
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("build", [swapped_heads, masked])
def test_what_only_resembles_heads_is_left(build: Callable[..., Any], tmp_path: Path) -> None:
    assert node_types(tmp_path, build, WORDS)["Softmax"] == networks.HEADS


def test_masked_heads_give_the_same(evaluate: Callable[..., Any]) -> None:
    """A mask of one constant changes no softmax."""
    inputs = {"x": networks.weights(*networks.TALL), "words": networks.weights(*networks.WORDS)}
    (result,) = evaluate(masked, inputs).values()
    expected = networks.attention_reference(**inputs)
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-4)


def test_group_norm_is_joined(tmp_path: Path) -> None:
    types = node_types(tmp_path, networks.group_norm, {"x": (2, networks.C, 8, 8)})
    assert types["LayerNormalization"] == 1
    assert not types["ReduceMean"]


def over_channels_only(x: Any) -> Any:
    grouped = mb.reshape(x=x, shape=[2, 8, 4, 8, 8])
    mean = mb.reduce_mean(x=grouped, axes=[2], keep_dims=True)
    centred = mb.sub(x=grouped, y=mean)
    variance = mb.reduce_mean(x=mb.square(x=centred), axes=[2], keep_dims=True)
    deviation = mb.sqrt(x=mb.add(x=variance, y=np.float32(1e-5)))
    return mb.reshape(x=mb.real_div(x=centred, y=deviation), shape=[2, 32, 8, 8])


def test_another_norm_is_left(tmp_path: Path, evaluate: Callable[..., Any]) -> None:
    assert node_types(tmp_path, over_channels_only, {"x": (2, 32, 8, 8)})["ReduceMean"] == 2
    x = networks.weights(2, 32, 8, 8)
    (result,) = evaluate(over_channels_only, {"x": x}).values()
    grouped = x.reshape(2, 8, 4, 8, 8)
    centred = grouped - grouped.mean(2, keepdims=True)
    expected = centred / np.sqrt((centred**2).mean(2, keepdims=True) + 1e-5)
    np.testing.assert_allclose(result, expected.reshape(x.shape), rtol=1e-4, atol=1e-4)
