"""Rewrites: what a converter took apart and one operation says better, put together before translation.

A rewrite takes a program and returns one that gives the same results; what it leaves without use is dropped later. The
operations that it puts in are sdq's own and listed in `ops.fused`. A pattern that is not recognised costs speed only.
"""

from __future__ import annotations

from collections.abc import Callable

from worker.mlpackage.program import Program
from worker.runtimes.onnx.rewrites.group_norm import join_group_norm
from worker.runtimes.onnx.rewrites.heads import join_heads
from worker.runtimes.onnx.rewrites.products import join_products

Rewrite = Callable[[Program], Program]

REWRITES: tuple[Rewrite, ...] = (join_heads, join_products, join_group_norm)
"""In the order in which they run."""
