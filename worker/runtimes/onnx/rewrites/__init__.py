"""Rewrites: combine operations that a converter took apart into one, before translation.

A rewrite takes a program and returns one with the same results; operations that become unused are dropped later. The
operations that it inserts are sdq's own, in `ops.fused`. A pattern that is not recognised costs only speed.
"""

from __future__ import annotations

from collections.abc import Callable

from worker.mlpackage.program import Program
from worker.runtimes.onnx.rewrites.group_norm import join_group_norm
from worker.runtimes.onnx.rewrites.heads import join_heads
from worker.runtimes.onnx.rewrites.products import join_products

Rewrite = Callable[[Program], Program]

#: In the order in which they run.
REWRITES: tuple[Rewrite, ...] = (join_heads, join_products, join_group_norm)
