"""The Mac's own runtime: packages compiled once by Core ML into a fixed place and run by it.

`CoreMLRuntime` is what others use. Behind it: `cache` keeps compiled models, `features` reads what a model takes,
`model` runs it. `library` is the only file that knows how coremltools compiles, loads and predicts.
"""

from worker.runtimes.coreml.runtime import CoreMLRuntime

__all__ = ["CoreMLRuntime"]
