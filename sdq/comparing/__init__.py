"""Comparing images: which belong together, what they differ in, and how much."""
