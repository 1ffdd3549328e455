"""One operation used one way, and what several groups of operations build their cases with."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.translator.building import TARGETS, mb

BOTH = tuple(TARGETS)
X = (2, 3, 4, 5)


@dataclass(frozen=True)
class Case:
    """One operation used one way: MIL on the left, NumPy on the right."""

    op: str
    build: Callable[..., Any]
    reference: Callable[..., Any]
    shapes: tuple[tuple[int, ...], ...] = (X,)
    positive: bool = False
    targets: tuple[str, ...] = BOTH
    note: str = ""

    def __str__(self) -> str:
        return f"{self.op}-{self.note}" if self.note else self.op


def unary(op: str, reference: Callable[..., Any], *, positive: bool = False, **extra: Any) -> Case:
    return Case(op, lambda x: getattr(mb, op)(x=x, **extra), reference, positive=positive)


def erf(x: Any) -> Any:
    return np.vectorize(math.erf)(x)


def softmax(x: Any, axis: int = -1) -> Any:
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)
