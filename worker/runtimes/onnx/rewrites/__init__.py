"""Rewrites: improvements of a whole graph after translation, each of which leaves its results as they were.

A rewrite is a function that changes a `Graph` in place; nodes that it leaves without use are dropped after it.
"""

from __future__ import annotations

from collections.abc import Callable

from worker.runtimes.onnx.graph import Graph

Rewrite = Callable[[Graph], None]

REWRITES: tuple[Rewrite, ...] = ()
"""In the order in which they run."""
