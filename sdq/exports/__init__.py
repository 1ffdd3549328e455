"""Exports: finished images as data sets that other tools load, and as lists."""
