"""Pipelines: from a prompt and a seed to pixels, over any runtime."""
