"""Exports as the tools read them that they are made for: `make datasets`, which installs those tools.

The files are not named `test_*`, so that `make test` passes them over.
"""
