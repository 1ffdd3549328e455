"""The portable runtime: `.mlpackage` files translated to ONNX once and run by ONNX Runtime, on any machine.

`OnnxRuntime` is what others use. Behind it: `cache` keeps translations on disk, `translate` turns MIL operations into
ONNX nodes with the tables of `ops`, `rewrites` improve the result, `model_file` writes it, `session` runs it. The
libraries onnx and onnxruntime are known to one file each: `model_file` and `session`.
"""

from worker.runtimes.onnx.runtime import OnnxRuntime

__all__ = ["OnnxRuntime"]
