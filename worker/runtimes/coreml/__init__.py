"""The Mac's own runtime: Core ML compiles packages once, to a fixed path, and runs them.

`CoreMLRuntime` is the public part. Behind it, `cache` keeps compiled models, `features` reads a model's inputs, and
`model` runs it. Only `library` calls coremltools to compile, load and predict.
"""

from worker.runtimes.coreml.runtime import CoreMLRuntime

__all__ = ["CoreMLRuntime"]
