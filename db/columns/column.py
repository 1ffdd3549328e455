"""One column of an image."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from db.values import JSON, FinishedImage
from sdq_core.values.recipes import Recipe


class Kind(StrEnum):
    """What the values of a column are; each may be missing (None)."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TIME = "time"
    LIST = "list"
    OBJECT = "object"


@dataclass(frozen=True, kw_only=True)
class AskedImages:
    """What a slice's images have in common, drawn or not; the attributes are those of `FinishedImage`."""

    batch_name: str
    entry: int
    fields: Mapping[str, JSON]
    recipe: Recipe


@dataclass(frozen=True, kw_only=True)
class ImageColumn:
    """A column by its name.

    kind: of its values: str, int, float, bool, an aware datetime in UTC, a list of texts, or a JSON object.
    about: what it holds, with its unit, as the documentation says it.
    of: its value for an image, None where that has none.
    asked: it is the same for all images of a slice, and `of` takes `AskedImages`, too.
    of_all: if it is asked: every image has it.
    aliases: other names that users write for it.
    words: if its values are few and fixed: what users write for them, in small letters, and the values.
    """

    name: str
    kind: Kind
    about: str
    of: Callable[[FinishedImage | AskedImages], Any]
    asked: bool = False
    of_all: bool = True
    aliases: tuple[str, ...] = ()
    words: Mapping[str, str] = field(default_factory=dict)
