"""Draws slices: through an engine, into files and rows."""
