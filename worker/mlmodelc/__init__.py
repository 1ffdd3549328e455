"""Compiled Core ML models (`.mlmodelc`) as data: read anywhere, without Core ML, to the same `Program` as packages.

`sdq_core.models.mil` reads the text of a network; here it becomes a program with arrays. Reading any broken model
raises `PackageError` with the file, and for its text with line and column.
"""
