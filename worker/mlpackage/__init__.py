"""Core ML model packages (`.mlpackage`) as data: read anywhere, without Core ML.

`package` finds the parts of a package, `proto` reads the network's description, `weights` the tensors, `compression`
unpacks palettized, quantised and sparse ones. Nothing here runs a network; `worker.runtimes` does.

Whatever is wrong with a package, reading it raises `PackageError` with one sentence that names the file.
"""
