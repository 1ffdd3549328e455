"""The portable runtime: packages and compiled models translated to ONNX once and run by ONNX Runtime, anywhere.

`OnnxRuntime` is the public part. Behind it, `cache` keeps translations on disk, `translate` turns MIL operations into
ONNX nodes with the tables of `ops`, `rewrites` optimizes the program first, `model_file` writes the result and
`session` runs it. Only `model_file` imports onnx, and only `session` imports onnxruntime.
"""

from worker.runtimes.onnx.runtime import OnnxRuntime

__all__ = ["OnnxRuntime"]
