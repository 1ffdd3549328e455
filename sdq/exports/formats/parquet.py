"""Parquet files: `data/train-00000.parquet` with the images inside, the captions and the columns by their types.

`datasets` shows the column `image` as images, by what the schema says of it. Row groups are small, so that readers need
not hold many images; rows are cut where their content says, so that storage which looks for equal pieces finds them in
files that have grown. Equal samples make equal bytes with the same pyarrow.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from db.columns import ImageColumn, Kind
from db.values import FinishedImage
from sdq.exports.format import SplitState
from sdq.exports.formats.part_file import PartFile
from sdq.exports.options import ExportOptions
from sdq.exports.rows import ROW_COLUMNS
from sdq.exports.sample import Sample
from sdq_core.errors import ConfigurationError

#: A file's limits if none are given.
_SAMPLES, _BYTES = 10_000, 500_000_000
#: Of a row group.
_ROWS = 100
#: A row group ends here too, however few its rows are: it is in memory until it is written.
_GROUP_BYTES = 64_000_000
#: For `datasets`, and for the viewer of the Hub.
_METADATA = {"huggingface": json.dumps({"info": {"features": {"image": {"_type": "Image"}}}})}


class Parquet:
    """The format; raises ConfigurationError where pyarrow is missing."""

    def __init__(self, options: ExportOptions) -> None:
        self.samples_per_part = options.samples_per_part or _SAMPLES
        self.bytes_per_part: int | None = options.bytes_per_part or _BYTES
        try:
            import pyarrow as arrow
        except ImportError:
            raise ConfigurationError(
                "Parquet files need pyarrow. Run `pip install 'sdq[dataset]'`."
            ) from None
        self._schema = _schema(arrow)

    def begin(self, folder: Path, split: str, number: int) -> Table:
        """Begin a split's file of that number."""
        return Table(PartFile(folder, f"data/{split}-{number:05d}.parquet"), self._schema)

    def finish(self, folder: Path, splits: Mapping[str, SplitState]) -> None:
        """Do nothing: the files are all."""


class Table:
    """A Parquet file that is being written."""

    def __init__(self, part: PartFile, schema: Any) -> None:
        from pyarrow import parquet

        self._part = part
        self._schema = schema
        # pyarrow ends the whole process if it cannot write (26.0.1), so it writes here and not to the disk.
        self._encoded = io.BytesIO()
        self._writer = parquet.ParquetWriter(
            self._encoded,
            schema,
            # Of images, no dictionary would ever be of use.
            use_dictionary=[name for name in schema.names if name != "image"],
            use_content_defined_chunking=True,
            write_page_index=True,
        )
        self._rows: list[dict[str, Any]] = []
        self._waiting_bytes = 0

    def add(self, sample: Sample) -> None:
        """Append a row."""
        content = sample.file.read_bytes()
        self._rows.append(
            {
                "image": {"bytes": content, "path": sample.key + sample.extension},
                "text": sample.caption,
                **_cells(sample.image),
                "width": sample.width,
                "height": sample.height,
            }
        )
        self._waiting_bytes += len(content)
        if len(self._rows) == _ROWS or self._waiting_bytes >= _GROUP_BYTES:
            self._write()

    @property
    def size_bytes(self) -> int:
        """What it has so far."""
        return self._part.file.tell() + self._waiting_bytes

    def close(self) -> Sequence[Path]:
        """Put the file in place."""
        self._write()
        self._writer.close()
        self._store()
        return [self._part.commit()]

    def abort(self) -> None:
        """Leave nothing."""
        self._part.abort()

    def _write(self) -> None:
        """Write the waiting rows as one row group."""
        import pyarrow as arrow

        if not self._rows:
            return
        table = arrow.Table.from_pylist(self._rows, schema=self._schema)
        self._rows, self._waiting_bytes = [], 0  # the table has copies of the images
        self._writer.write_table(table, row_group_size=table.num_rows)
        self._store()

    def _store(self) -> None:
        """Write to the disk what pyarrow has encoded."""
        self._part.file.write(self._encoded.getbuffer())
        self._encoded.seek(0)
        self._encoded.truncate()


def _schema(arrow: Any) -> Any:
    types: Mapping[Kind, Any] = {
        Kind.TEXT: arrow.string(),
        Kind.INTEGER: arrow.int64(),
        Kind.NUMBER: arrow.float64(),
        Kind.BOOLEAN: arrow.bool_(),
        Kind.TIME: arrow.timestamp("us", tz="UTC"),
        Kind.LIST: arrow.list_(arrow.string()),
        Kind.OBJECT: arrow.string(),
    }
    image = arrow.struct([("bytes", arrow.binary()), ("path", arrow.string())])
    columns = [(name, types[column.kind]) for name, column in ROW_COLUMNS.items()]
    return arrow.schema([("image", image), ("text", arrow.string()), *columns], metadata=_METADATA)


def _cells(image: FinishedImage) -> dict[str, Any]:
    return {name: _cell(column, image) for name, column in ROW_COLUMNS.items()}


def _cell(column: ImageColumn, image: FinishedImage) -> Any:
    """Return a value as its column's type has it; an object, whose fields differ from image to image, as JSON."""
    value = column.of(image)
    if value is not None and column.kind is Kind.OBJECT:
        return json.dumps(value, ensure_ascii=False)
    return value
