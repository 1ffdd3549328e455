"""The formats of exports."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sdq.exports.format import Format
    from sdq.exports.options import ExportOptions

#: Formats that are folders of files, by name.
FOLDERS = ("imagefolder", "kohya", "diffusiondb")
#: Formats that pack samples into files of a chosen size.
SHARDS = ("webdataset", "parquet")
#: Formats whose rows all have the columns of numbers that the first export found in all images.
SAME_COLUMNS = ("imagefolder",)
#: Formats that are one list, and have no images in them.
LISTS = ("jsonl", "csv")


def make_format(options: ExportOptions) -> Format:
    """Return the format of a data set that the options name; each is imported only then."""
    match options.format:
        case "imagefolder":
            from sdq.exports.formats.imagefolder import ImageFolder

            return ImageFolder(options)
        case "kohya":
            from sdq.exports.formats.kohya import Kohya

            return Kohya(options)
        case "diffusiondb":
            from sdq.exports.formats.diffusiondb import DiffusionDB

            return DiffusionDB(options)
        case "webdataset":
            from sdq.exports.formats.webdataset import WebDataset

            return WebDataset(options)
        case "parquet":
            from sdq.exports.formats.parquet import Parquet

            return Parquet(options)
    raise AssertionError(options.format)
