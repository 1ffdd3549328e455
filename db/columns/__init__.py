"""The columns of an image: the names by which `--where`, exports and the Python API know what the ledger holds."""

from db.columns.column import AskedImages, ImageColumn, Kind
from db.columns.columns import COLUMNS
from db.columns.named import Named, parse_columns
from db.columns.sorting import Sorting, parse_sort

__all__ = [
    "COLUMNS",
    "AskedImages",
    "ImageColumn",
    "Kind",
    "Named",
    "Sorting",
    "parse_columns",
    "parse_sort",
]
