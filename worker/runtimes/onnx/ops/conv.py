"""Convolution, padding and resizing: MIL sections iOS15.conv, iOS15.tensor_operation (pad), iOS15.image_resizing."""

from __future__ import annotations

from collections.abc import Mapping

from worker.runtimes.onnx.call import Call, Translate, UnsupportedError
from worker.runtimes.onnx.graph import FLOAT, Graph, Value


def conv(call: Call, graph: Graph) -> Value:
    """Convolve x [n, C_in, *D] with weight [C_out, C_in / groups, *K], bias [C_out].

    MIL writes explicit padding as before, after, before, after; ONNX all befores first.
    """
    x, weight, bias = call.value("x"), call.value("weight"), call.optional("bias")
    spatial = weight.rank - 2
    attributes = {
        "strides": call.const("strides", [1] * spatial),
        "dilations": call.const("dilations", [1] * spatial),
        "group": call.const("groups", 1),
    }
    pad_type = call.const("pad_type", "valid")
    if pad_type == "custom":
        pad = call.const("pad", [0] * 2 * spatial)
        attributes["pads"] = pad[0::2] + pad[1::2]
    elif pad_type in ("same", "same_lower"):
        attributes["auto_pad"] = "SAME_LOWER" if pad_type == "same_lower" else "SAME_UPPER"
    elif pad_type != "valid":
        raise UnsupportedError(f"pad_type {pad_type}")
    inputs = (x, weight) if bias is None else (x, weight, bias)
    return graph.add("Conv", *inputs, shape=call.output.shape, **attributes)


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


OPS: Mapping[str, Translate] = {
    "conv": conv,
    "pad": pad,
    "upsample_nearest_neighbor": upsample_nearest_neighbor,
}
