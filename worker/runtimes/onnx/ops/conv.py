"""Convolution, pooling, padding and resizing.

MIL sections iOS15.conv, iOS15.pool, iOS15.tensor_operation (pad), iOS15.image_resizing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from worker.runtimes.onnx.call import Call, Translate, UnsupportedError
from worker.runtimes.onnx.graph import FLOAT, Graph, Value


def conv(call: Call, graph: Graph) -> Value:
    """Convolve x [n, C_in, *D] with weight [C_out, C_in / groups, *K], bias [C_out]."""
    x, weight, bias = call.value("x"), call.value("weight"), call.optional("bias")
    spatial = weight.rank - 2
    attributes = {
        "strides": call.const("strides", [1] * spatial),
        "dilations": call.const("dilations", [1] * spatial),
        "group": call.const("groups", 1),
        **_padding(call, spatial),
    }
    inputs = (x, weight) if bias is None else (x, weight, bias)
    return graph.add("Conv", *inputs, shape=call.output.shape, **attributes)


def avg_pool(call: Call, graph: Graph) -> Value:
    """Average windows of x [n, C, *D]; what was padded counts as zeros, unless it is to be excluded."""
    kernel = call.required("kernel_sizes")
    if call.const("ceil_mode", False):
        raise UnsupportedError("ceil_mode")
    return graph.add(
        "AveragePool",
        call.value("x"),
        shape=call.output.shape,
        kernel_shape=kernel,
        strides=call.const("strides", [1] * len(kernel)),
        count_include_pad=int(not call.const("exclude_padding_from_average", False)),
        **_padding(call, len(kernel)),
    )


def pad(call: Call, graph: Graph) -> Value:
    """Pad the trailing dimensions of x, one for each pair (before, after) of ``pad``."""
    x = call.value("x")
    pairs = call.required("pad")
    leading = [0] * (x.rank - len(pairs) // 2)
    amounts = graph.constant([*leading, *pairs[0::2], *leading, *pairs[1::2]])
    mode = call.const("mode", "constant")
    if mode == "constant":
        fill = graph.constant(call.const("constant_val", 0.0), x.dtype)
        return graph.add("Pad", x, amounts, fill, shape=call.output.shape)
    modes = {"reflect": "reflect", "replicate": "edge"}
    if mode not in modes:
        raise UnsupportedError(f"mode {mode}")
    return graph.add("Pad", x, amounts, shape=call.output.shape, mode=modes[mode])


def upsample_nearest_neighbor(call: Call, graph: Graph) -> Value:
    """Repeat the pixels of x [*D, H, W] to [*D, floor(H * factor), floor(W * factor)]."""
    x = call.value("x")
    scales = [1.0] * (x.rank - 2)
    scales += [float(call.const(f"scale_factor_{side}", 1)) for side in ("height", "width")]
    return graph.add(
        "Resize",
        x,
        None,
        graph.constant(scales, FLOAT),
        shape=call.output.shape,
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )


def _padding(call: Call, spatial: int) -> dict[str, Any]:
    """Return the attributes for padding: MIL writes it as before, after, before, after; ONNX all befores first."""
    pad_type = call.const("pad_type", "valid")
    if pad_type == "custom":
        amounts = call.const("pad", [0] * 2 * spatial)
        return {"pads": amounts[0::2] + amounts[1::2]}
    if pad_type in ("same", "same_lower"):
        return {"auto_pad": "SAME_LOWER" if pad_type == "same_lower" else "SAME_UPPER"}
    if pad_type != "valid":
        raise UnsupportedError(f"pad_type {pad_type}")
    return {}


OPS: Mapping[str, Translate] = {
    "avg_pool": avg_pool,
    "conv": conv,
    "pad": pad,
    "upsample_nearest_neighbor": upsample_nearest_neighbor,
}
