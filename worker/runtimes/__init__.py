"""Runtimes: libraries that load and run packages and compiled models."""
