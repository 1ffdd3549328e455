"""One sample of a data set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from db.values import FinishedImage
from sdq_core.values.recipes import Recipe


@dataclass(frozen=True, kw_only=True)
class Sample:
    """An image as it goes into a data set.

    key: its name in the data set, unique there and without a dot; the same image always has the same.
    split: its split, such as "train".
    caption: its text; it may have several lines, and be empty.
    image: all that the ledger knows of it.
    file: the file that goes in, which was checked: the image's own, or a converted one.
    extension: of that file, such as ".png".
    width, height: of that file, pixels.
    movable: the file was made for this export, so it may be moved instead of copied.
    """

    key: str
    split: str
    caption: str
    image: FinishedImage
    file: Path
    extension: str
    width: int
    height: int
    movable: bool = False


def key_of(image: FinishedImage) -> str:
    """Return the name of an image in every data set."""
    return name_of(image.recipe, image.seed)


def name_of(recipe: Recipe, seed: int) -> str:
    """Return the name of a recipe's image with this seed."""
    return f"{recipe.content_key[:16]}-{seed:010d}"
