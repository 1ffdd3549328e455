"""WebDataset shards: `train-000000.tar` with `KEY.png`, `KEY.txt` (the caption) and `KEY.json` (the columns).

Equal samples make equal bytes: no time, owner or mode of this machine gets in, and a sample's files are sorted. The
shards are USTAR, which every reader of tar files knows.
"""

from __future__ import annotations

import contextlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from sdq.exports.format import SplitState
from sdq.exports.formats.part_file import PartFile
from sdq.exports.options import ExportOptions
from sdq.exports.rows import row_of
from sdq.exports.sample import Sample
from sdq_core.errors import UsageError

#: A shard's limits if none are given.
_SAMPLES, _BYTES = 10_000, 1_000_000_000
_MODE = 0o644


class WebDataset:
    """The format; one object for one export.

    All images of an export have one file format: readers take the first samples' files for those of every sample.
    """

    def __init__(self, options: ExportOptions) -> None:
        self.samples_per_part = options.samples_per_part or _SAMPLES
        self.bytes_per_part: int | None = options.bytes_per_part or _BYTES
        self._extension: str | None = None

    def begin(self, folder: Path, split: str, number: int) -> Shard:
        """Begin a split's shard of that number."""
        self._extension = self._extension or _extension_in(folder)
        return Shard(PartFile(folder, f"{split}-{number:06d}.tar"), self)

    def finish(self, folder: Path, splits: Mapping[str, SplitState]) -> None:
        """Do nothing: the shards are all."""

    def require_one_extension(self, extension: str) -> None:
        """Raise UsageError for an image whose file format is not that of those before it."""
        first = self._extension = self._extension or extension
        if extension != first:
            raise UsageError(
                f"The images are {first[1:]} and {extension[1:]} files, and those of a webdataset have to be of one "
                "kind. Convert them: export into a new folder with --image-format png."
            )


def _extension_in(folder: Path) -> str | None:
    """Return the ending of the images in the shards that are there, None without shards."""
    for shard in sorted(folder.glob("*.tar")):
        with contextlib.suppress(tarfile.TarError), tarfile.open(shard) as tar:
            for member in tar:
                if (extension := Path(member.name).suffix) not in {".json", ".txt"}:
                    return extension
    return None


class Shard:
    """A tar file that is being written."""

    def __init__(self, part: PartFile, form: WebDataset) -> None:
        self._form = form
        self._part = part
        self._tar = tarfile.TarFile(fileobj=part.file, mode="w", format=tarfile.USTAR_FORMAT)

    def add(self, sample: Sample) -> None:
        """Append a sample's three files."""
        self._form.require_one_extension(sample.extension)
        # Readers take a column's type from the first samples. There, null would be a type that no later value fits.
        row = {name: value for name, value in row_of(sample).items() if value is not None}
        contents = {
            sample.extension: sample.file.read_bytes(),
            ".json": json.dumps(row, ensure_ascii=False).encode(),
            ".txt": sample.caption.encode(),
        }
        for extension, content in sorted(contents.items()):
            member = tarfile.TarInfo(sample.key + extension)
            member.size = len(content)
            member.mode = _MODE
            self._tar.addfile(member, io.BytesIO(content))

    @property
    def size_bytes(self) -> int:
        """What it has so far."""
        return self._tar.offset

    def close(self) -> Sequence[Path]:
        """Put the shard in place."""
        self._tar.close()
        return [self._part.commit()]

    def abort(self) -> None:
        """Leave nothing."""
        self._part.abort()
