"""Core ML model packages (`.mlpackage`) as data: read anywhere, without Core ML.

`sdq_core.models` finds the files of a package; `proto` reads its program, which `assembly` puts together, `weights` the
tensors, and `compression` unpacks palettized, quantised and sparse ones. Nothing here runs a network; `worker.runtimes`
does.

Reading any broken package raises `PackageError` with a message that names the file.
"""
