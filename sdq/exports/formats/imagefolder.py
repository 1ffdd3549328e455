"""imagefolder: images in numbered folders below their split's, and beside these a list, for `datasets`.

    train/metadata.jsonl        {"file_name": "00000/KEY.png", "text": ..., the columns}
    train/00000/KEY.png         at most 10,000 images in a folder

Numbers, because `datasets` takes words such as "test" in the names of folders for splits. Each numbered folder keeps
its lines of the list in a hidden file, of which the whole list is made in the end: it names no file that is not there.
"""

from __future__ import annotations

import contextlib
import filecmp
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from sdq.exports.folder import WORK, sync_file, sync_names
from sdq.exports.format import SplitState
from sdq.exports.formats.part_folder import PartFolder
from sdq.exports.link import Link
from sdq.exports.options import ExportOptions
from sdq.exports.rows import row_of
from sdq.exports.sample import Sample

LIST = "metadata.jsonl"
_LINES = ".metadata.jsonl"


class ImageFolder:
    """Writes image folders."""

    samples_per_part = 10_000
    bytes_per_part: int | None = None

    def __init__(self, options: ExportOptions) -> None:
        self._link = options.link
        self._columns = options.columns

    def begin(self, folder: Path, split: str, number: int) -> _Part:
        """Begin a numbered folder."""
        return _Part(folder, folder / split / f"{number:05d}", self._link, self._columns)

    def finish(self, folder: Path, splits: Mapping[str, SplitState]) -> None:
        """Write each split's list; one that is right already is left alone."""
        for split, state in splits.items():
            made = folder / WORK / f"{split}-{LIST}"
            with made.open("wb") as whole:
                for number in range(state.parts):
                    with (folder / split / f"{number:05d}" / _LINES).open("rb") as lines:
                        shutil.copyfileobj(lines, whole)
            target = folder / split / LIST
            if target.exists() and filecmp.cmp(made, target, shallow=False):
                made.unlink()
                continue
            sync_file(made)
            made.replace(target)
            sync_names(target.parent)


class _Part:
    def __init__(
        self, folder: Path, target: Path, link: Link, columns: frozenset[str] | None
    ) -> None:
        self._columns = columns
        self._images = PartFolder(folder, target, link)
        self._number = target.name
        self._lines = (self._images.building / _LINES).open("w", encoding="utf-8")

    @property
    def size_bytes(self) -> int:
        return self._images.size_bytes

    def add(self, sample: Sample) -> None:
        name = self._images.add(sample)
        row = {"file_name": f"{self._number}/{name}", **row_of(sample, self._columns)}
        self._lines.write(json.dumps(row, ensure_ascii=False) + "\n")

    def close(self) -> Sequence[Path]:
        self._lines.close()
        sync_file(self._images.building / _LINES)
        return self._images.close()

    def abort(self) -> None:
        with contextlib.suppress(OSError):  # lines that wait for a full disk
            self._lines.close()
        self._images.abort()
