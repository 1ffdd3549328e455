"""A network as its package describes it: MIL operations in order, without the file format around them.

Invariant: every name that an operation takes is an input, a constant or the output of an earlier operation. Shapes are
as the converter inferred them; None stands for a size that is known only at run time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from sdq_core.models.colour_layout import ColourLayout
from worker.mlpackage.datatypes import DataType

Shape = tuple[int | None, ...]


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """A named value that is computed when the network runs."""

    name: str
    dtype: DataType
    shape: Shape


@dataclass(frozen=True, kw_only=True)
class Constant:
    """A value stored in the package.

    dtype: its element type.
    shape: its sizes.
    load: reads an array of ``dtype.numpy`` and ``shape`` at each call, so that only one large tensor needs to be in
    memory at a time. Do not write to it.
    """

    dtype: DataType
    shape: tuple[int, ...]
    load: Callable[[], NDArray[Any]] = field(repr=False)


#: An operation's argument: the name of a value, or a constant in its place.
Argument = str | Constant


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One MIL operation. inputs: parameter -> its argument, or its arguments if the parameter is a tuple."""

    type: str
    name: str
    inputs: Mapping[str, tuple[Argument, ...]]
    outputs: tuple[Tensor, ...]


@dataclass(frozen=True, kw_only=True)
class Program:
    """The function `main` of a package.

    source: the file that it was read from, for messages.
    images: input that is an image -> the order of its channels.
    """

    source: Path
    opset: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[str, ...]
    constants: Mapping[str, Constant]
    operations: tuple[Operation, ...]
    images: Mapping[str, ColourLayout] = field(default_factory=dict)
