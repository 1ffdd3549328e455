"""Runtimes: libraries that load and run `.mlpackage` files."""
