"""Measurements, run by hand: ratios and medians within one run, never tests. See README.md."""
