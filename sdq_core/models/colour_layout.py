"""Inputs that are images: in which order their channels go into the network.

An ML program takes such an input as an array [1, channels, height, width] of 0 to 255; scale and bias are operations of
the program itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from sdq_core.errors import PackageError
from sdq_core.printable import quote


class ColourLayout(StrEnum):
    """The order of an image input's channels."""

    RGB = "RGB"
    BGR = "BGR"


#: By the number in the format
#: (https://apple.github.io/coremltools/mlmodel/Format/FeatureTypes.html#imagefeaturetype-colorspace).
_BY_NUMBER: Mapping[int, ColourLayout] = {20: ColourLayout.RGB, 30: ColourLayout.BGR}


def refuse_image(model: Path, name: str) -> PackageError:
    """Return the error for an input that is an image where arrays are needed."""
    return PackageError(
        f"{model}: input {quote(name)} is an image. Convert the model again with tensors."
    )


def image_layout(model: Path, name: str, number: int) -> ColourLayout:
    """Return the layout of an image input by its number; raise PackageError for an image without colours."""
    layout = _BY_NUMBER.get(number)
    if layout is None:
        raise PackageError(
            f"{model}: input {quote(name)} is an image without colours. Convert the model again with the colour "
            "layout RGB."
        )
    return layout


def require_image_shape(model: Path, name: str, shape: tuple[int, ...]) -> None:
    """Raise PackageError unless an image input's shape is that of one image of three channels."""
    if len(shape) != 4 or shape[:2] != (1, 3) or 0 in shape:
        raise PackageError(
            f"{model}: input {quote(name)} is an image, but has shape {shape}. Convert the model again with the shape "
            "(1, 3, height, width)."
        )
