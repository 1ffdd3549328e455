"""Normalisation: MIL section iOS15.normalization.

Group norm has no MIL operation: converters write it out and end it with a `batch_norm` of mean 0 and variance 1.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from worker.runtimes.onnx.call import Call, Translate, UnsupportedError
from worker.runtimes.onnx.graph import FLOAT, Graph, Value


def batch_norm(call: Call, graph: Graph) -> Value:
    """gamma * (x - mean) / sqrt(variance + epsilon) + beta, per channel of x [n, C, *D].

    All but x are constant, so that one factor and one summand per channel remain.
    """
    x = call.value("x")
    mean = np.asarray(call.required("mean"), np.float64)
    variance = np.asarray(call.required("variance"), np.float64)
    gamma = np.asarray(call.const("gamma", 1.0), np.float64)
    beta = np.asarray(call.const("beta", 0.0), np.float64)
    factor = gamma / np.sqrt(variance + call.const("epsilon", 1e-5))
    per_channel = (-1, *[1] * (x.rank - 2))
    scaled = graph.add("Mul", x, graph.constant(factor.reshape(per_channel)))
    summand = (beta - mean * factor).reshape(per_channel)
    return graph.add("Add", scaled, graph.constant(summand), shape=x.shape)


def instance_norm(call: Call, graph: Graph) -> Value:
    """Normalise each channel of each item of x [n, C, *D] over D."""
    x = call.value("x")
    channels = x.shape[1] if x.shape else None
    if channels is None:
        raise UnsupportedError("an unknown number of channels")
    gamma = call.optional("gamma") or graph.constant(np.ones(channels, FLOAT))
    beta = call.optional("beta") or graph.constant(np.zeros(channels, FLOAT))
    epsilon = float(call.const("epsilon", 1e-5))
    return graph.add("InstanceNormalization", x, gamma, beta, shape=x.shape, epsilon=epsilon)


def layer_norm(call: Call, graph: Graph) -> Value:
    """Normalise x over ``axes``, all by default; gamma and beta have the sizes of those axes."""
    x = call.value("x")
    axes = sorted(axis % x.rank for axis in call.const("axes", list(range(x.rank))))
    gamma, beta = call.optional("gamma"), call.optional("beta")
    epsilon = float(call.const("epsilon", 1e-5))
    if (shape := x.static_shape) is None and gamma is None:
        raise UnsupportedError("a shape known only at run time")
    if gamma is None and shape is not None:
        gamma = graph.constant(np.ones([shape[axis] for axis in axes], FLOAT))
    # ONNX normalises trailing dimensions only; Apple's networks also normalise channels, the second of four.
    perm = [axis for axis in range(x.rank) if axis not in axes] + axes
    trailing = perm == list(range(x.rank))
    if not trailing:
        x = graph.add("Transpose", x, perm=perm)
    inputs = (x, gamma) if beta is None else (x, gamma, beta)
    first = len(perm) - len(axes)
    result = graph.add(
        "LayerNormalization", *inputs, shape=call.output.shape, axis=first, epsilon=epsilon
    )
    if trailing:
        return result
    back = [perm.index(axis) for axis in range(len(perm))]
    return graph.add("Transpose", result, shape=call.output.shape, perm=back)


OPS: Mapping[str, Translate] = {
    "batch_norm": batch_norm,
    "instance_norm": instance_norm,
    "layer_norm": layer_norm,
}
