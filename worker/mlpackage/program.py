"""A network as its package describes it: MIL operations in order, without the file format around them.

Invariant: every name that an operation takes is an input, a constant or an output of an operation before it. Shapes are
as the converter inferred them; None stands for a size that only running tells.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from worker.mlpackage.datatypes import DataType

Shape = tuple[int | None, ...]


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """A named value that running the network gives."""

    name: str
    dtype: DataType
    shape: Shape


@dataclass(frozen=True, kw_only=True)
class Constant:
    """A value that the package holds.

    ``load`` gives an array of ``dtype.numpy`` and ``shape``, anew at each call and never to be written to, so that no
    more than one large tensor has to be in memory at a time.
    """

    dtype: DataType
    shape: tuple[int, ...]
    load: Callable[[], NDArray[Any]] = field(repr=False)


Argument = str | Constant
"""What an operation takes: the name of a value, or a constant written in its place."""


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One MIL operation; ``inputs`` holds one argument per parameter, several where a parameter is a tuple."""

    type: str
    name: str
    inputs: Mapping[str, tuple[Argument, ...]]
    outputs: tuple[Tensor, ...]


@dataclass(frozen=True, kw_only=True)
class Program:
    """The function `main` of a package. ``source`` is the file that it was read from, for messages."""

    source: Path
    opset: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[str, ...]
    constants: Mapping[str, Constant]
    operations: tuple[Operation, ...]
