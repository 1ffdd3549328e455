"""Activations: MIL sections iOS15.activation and iOS17.activation."""

from __future__ import annotations

from collections.abc import Mapping

from worker.runtimes.onnx.call import Call, Translate, UnsupportedError
from worker.runtimes.onnx.graph import Graph, Value


def _plain(onnx_type: str) -> Translate:
    def translate(call: Call, graph: Graph) -> Value:
        x = call.value("x")
        return graph.add(onnx_type, x, shape=x.shape)

    return translate


def _with_alpha(onnx_type: str) -> Translate:
    def translate(call: Call, graph: Graph) -> Value:
        x = call.value("x")
        return graph.add(onnx_type, x, shape=x.shape, alpha=float(call.required("alpha")))

    return translate


def gelu(call: Call, graph: Graph) -> Value:
    """x * Phi(x); mode EXACT (erf), TANH_APPROXIMATION or SIGMOID_APPROXIMATION."""
    x = call.value("x")
    mode = call.const("mode", "EXACT")
    if mode == "EXACT":
        return graph.add("Gelu", x, shape=x.shape)
    if mode == "TANH_APPROXIMATION":
        return graph.add("Gelu", x, shape=x.shape, approximate="tanh")
    if mode == "SIGMOID_APPROXIMATION":
        gate = graph.add("Sigmoid", graph.add("Mul", x, graph.constant(1.702)))
        return graph.add("Mul", x, gate, shape=x.shape)
    raise UnsupportedError(f"mode {mode}")


def silu(call: Call, graph: Graph) -> Value:
    """x * sigmoid(x)."""
    x = call.value("x")
    return graph.add("Mul", x, graph.add("Sigmoid", x), shape=x.shape)


def softmax(call: Call, graph: Graph) -> Value:
    """Normalised exponentials along ``axis``, the last by default."""
    x = call.value("x")
    return graph.add("Softmax", x, shape=x.shape, axis=call.const("axis", -1))


OPS: Mapping[str, Translate] = {
    "elu": _with_alpha("Elu"),
    "gelu": gelu,
    "leaky_relu": _with_alpha("LeakyRelu"),
    "relu": _plain("Relu"),
    "sigmoid": _plain("Sigmoid"),
    "silu": silu,
    "softmax": softmax,
    "softplus": _plain("Softplus"),
    "tanh": _plain("Tanh"),
}
