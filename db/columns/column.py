"""One column of an image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from db.values import FinishedImage


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
class ImageColumn:
    """A column by its name.

    kind: of its values: str, int, float, bool, an aware datetime in UTC, a list of texts, or a JSON object.
    about: what it holds, with its unit, as the documentation says it.
    of: its value for an image, None where that has none.
    of_recipe: it is the same for all images of a recipe.
    """

    name: str
    kind: Kind
    about: str
    of: Callable[[FinishedImage], Any]
    of_recipe: bool = False
