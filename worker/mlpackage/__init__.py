"""Core ML model packages (`.mlpackage`) as data: read anywhere, without Core ML.

`package` finds the parts of a package, `proto` reads the network's description, `weights` reads the tensors,
`compression` unpacks palettized, quantised and sparse ones. Nothing here runs a network; `worker.runtimes` does.

Reading any broken package raises `PackageError` with a message that names the file.
"""
