"""Translates each MIL operation to ONNX: one function per operation, one file per family.

A new operation needs a function in its family's file and a line in the `OPS` table there, nothing else. Semantics are
those of MIL's definitions (https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html),
which each file names by section; where MIL versions differ the function takes both.
"""

from __future__ import annotations

from collections.abc import Mapping

from worker.runtimes.onnx.call import Translate
from worker.runtimes.onnx.ops import (
    activation,
    attention,
    conv,
    elementwise,
    gathering,
    linear,
    normalization,
    rearranging,
    reduction,
    slicing,
)

OPS: Mapping[str, Translate] = {
    **activation.OPS,
    **attention.OPS,
    **conv.OPS,
    **elementwise.OPS,
    **gathering.OPS,
    **linear.OPS,
    **normalization.OPS,
    **rearranging.OPS,
    **reduction.OPS,
    **slicing.OPS,
}
"""MIL's operation name -> its translation. `const` and `constexpr_*` never come here: they are constants."""
