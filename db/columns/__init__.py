"""The columns of an image: the names by which `--where`, exports and the Python API know what the ledger holds."""

from db.columns.column import ImageColumn, Kind
from db.columns.columns import COLUMNS

__all__ = ["COLUMNS", "ImageColumn", "Kind"]
