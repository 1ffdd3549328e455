"""How a data set is to be made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sdq.exports.captions import Caption
from sdq.exports.conversion import Conversion
from sdq.exports.link import Link
from sdq.exports.splits import Splits


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """The options of an export into a folder.

    format: its name.
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
        """Return what a data set keeps to, for JSON, by option: with other values its older files would be wrong."""
        return {
            "format": self.format,
            "caption": self.caption.template,
            "split": self.splits.text,
            "image-format": self.conversion.image_format and str(self.conversion.image_format),
            "resize": self.conversion.resize,
            "kohya-folder": self.kohya_folder if self.format == "kohya" else None,
        }
