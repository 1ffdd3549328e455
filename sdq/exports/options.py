"""How an export is to be made."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sdq.exports.captions import Caption
from sdq.exports.splits import Splits
from sdq_core.values.image_files import ImageFormat


class Link(StrEnum):
    """How an image's file gets into a data set."""

    COPY = "copy"
    HARD = "hard"
    SYM = "sym"
    REFLINK = "reflink"


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """How images are converted; None leaves that as it is.

    image_format: the format of the files.
    width, height: pixels; only one of them, for the shorter side, or both.
    """

    image_format: ImageFormat | None = None
    shorter_side: int | None = None
    size: tuple[int, int] | None = None

    def __bool__(self) -> bool:
        """Whether anything is converted."""
        return bool(self.image_format or self.shorter_side or self.size)


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """The options of an export into a folder.

    link: how files get there, where they are not converted or packed.
    shuffle: the seed of a random order; None keeps that of the ledger.
    samples_per_part, bytes_per_part: limits of a part; None leaves them to the format.
    kohya_folder: the folder of images for kohya's scripts, REPEATS_CLASS.
    """

    format: str
    caption: Caption = field(default_factory=Caption)
    splits: Splits = field(default_factory=Splits)
    conversion: Conversion = field(default_factory=Conversion)
    link: Link = Link.COPY
    shuffle: int | None = None
    samples_per_part: int | None = None
    bytes_per_part: int | None = None
    kohya_folder: str = "1_images"

    def kept(self) -> dict[str, Any]:
        """Return what a data set keeps to, for JSON: with another value, its older files would be wrong."""
        return {
            "format": self.format,
            "caption": self.caption.template,
            "split": self.splits.text,
            "image-format": self.conversion.image_format and str(self.conversion.image_format),
            "resize": self.conversion.resize,
            "kohya-folder": self.kohya_folder if self.format == "kohya" else None,
        }
