"""Slices through an engine into files and rows."""
