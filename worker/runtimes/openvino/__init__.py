"""OpenVINO: the same translations as the portable runtime's, computed in bfloat16 where the processor can.

`OpenVinoRuntime` is the public part. It writes the translation of a model (`worker.runtimes.onnx`), which `library`
compiles and stores once; only that module imports openvino.
"""

from worker.runtimes.openvino.runtime import OpenVinoRuntime

__all__ = ["OpenVinoRuntime"]
