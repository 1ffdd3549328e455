"""What a text says, piece by piece: types, values, statements. Numbers stay as they are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sdq_core.models.element_types import ElementType

Sizes = tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class MilType:
    """The type of a value.

    word: `tensor`, also for a scalar; `list` for one of scalars; else what it is instead.
    element: None unless it is a tensor or such a list.
    sizes: None stands for one that is known only at run time.
    """

    word: str
    element: ElementType | None
    sizes: Sizes = ()


@dataclass(frozen=True, slots=True)
class Declared:
    """A name with its type. place: where it stands, in characters."""

    name: str
    element: ElementType
    sizes: Sizes
    place: int


@dataclass(frozen=True, slots=True)
class BlobPlace:
    """Where the values of a tensor are. file: as the text calls it. offset: of their metadata, bytes."""

    file: str
    offset: int


@dataclass(frozen=True, slots=True)
class Value:
    """A constant in its place.

    element, sizes: its type.
    blob: where its values are if they are not in the text.
    rows: its numbers in order, as written: each text has those of a row, with commas between them.
    texts: its strings in order.
    place: where it stands, in characters.
    """

    element: ElementType
    sizes: tuple[int, ...]
    place: int
    blob: BlobPlace | None = None
    rows: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()


#: An operation's argument: the name of a value, or a value in its place.
Argument = str | Value


@dataclass(frozen=True, slots=True)
class Statement:
    """One operation.

    takes: parameter -> its argument, or its arguments if the parameter is a tuple.
    attributes: what is written after the parameters, without `name`.
    place: where it begins, in characters.
    """

    kind: str
    gives: tuple[Declared, ...]
    takes: Mapping[str, tuple[Argument, ...]]
    attributes: Mapping[str, Value]
    place: int
