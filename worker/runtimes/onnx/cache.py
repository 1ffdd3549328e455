"""Translations on disk, one folder each, shared by every process on the machine.

    <cache>/<package's name>-<key>/entry.json    what the model takes, and the sizes of the files
                                   model.onnx
                                   weights.data

Invariant: a folder under its final name is whole. It is written under a temporary name and renamed, so that a crash
leaves rubbish but never half an entry, and two processes that translate at once both end up with one of two equal
entries. The key holds everything that determines the contents; an entry that fails its check is made anew.
"""

from __future__ import annotations

import contextlib
import errno
import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sdq_core.errors import StorageError
from worker.mlpackage.package import Package
from worker.runtimes.disk import disk_errors, drop_stale, note_use
from worker.runtimes.inputs import Input

MODEL = "model.onnx"
WEIGHTS = "weights.data"
_ENTRY = "entry.json"
_TEMPORARY = ".partial-"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A whole translation."""

    folder: Path
    inputs: tuple[Input, ...]
    outputs: tuple[str, ...]

    @property
    def model(self) -> Path:
        """The file to load."""
        return self.folder / MODEL


Write = Callable[[Path], tuple[tuple[Input, ...], tuple[str, ...]]]
"""Writes a translation's files to an empty folder and returns its inputs and the names of its outputs."""


class TranslationCache:
    """The translations under one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, package: Package, version: str, write: Write, *, anew: bool = False) -> Entry:
        """Return the translation of `package`, written with `write` unless it is there and whole.

        version: of what writes. anew: replace even an entry that looks whole. Raises OutputError or StorageError when
        the folder cannot be written, and whatever `write` raises.
        """
        final = self._folder / f"{package.path.stem}-{package.content_key(version)}"
        if not anew and (entry := _read(final)) is not None:
            note_use(final)
            return entry
        with disk_errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            drop_stale(self._folder, _TEMPORARY)
            temporary = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=self._folder))
            try:
                _write(temporary, package, write)
                return self._publish(temporary, final, anew=anew)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)

    def _publish(self, temporary: Path, final: Path, *, anew: bool) -> Entry:
        if final.exists():
            present = None if anew else _read(final)
            if present is not None:  # another process was faster
                return present
            # Out of the way first: a folder with files in it cannot be renamed over.
            grave = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=self._folder))
            with contextlib.suppress(FileNotFoundError):
                final.rename(grave / "entry")
            shutil.rmtree(grave, ignore_errors=True)
        try:
            temporary.rename(final)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
        entry = _read(final)
        if entry is None:
            raise StorageError(f"{final} was damaged while it was written; check the disk.")
        return entry


def _write(folder: Path, package: Package, write: Write) -> None:
    inputs, outputs = write(folder)
    files = {file.name: file.stat().st_size for file in sorted(folder.iterdir())}
    document = {
        "source": str(package.path),
        "inputs": [{"name": i.name, "shape": list(i.shape), "dtype": i.dtype.name} for i in inputs],
        "outputs": list(outputs),
        "files": files,
    }
    (folder / _ENTRY).write_text(json.dumps(document, indent=1))


def _read(folder: Path) -> Entry | None:
    """Return the entry in `folder` if every file is there in its size."""
    try:
        document = json.loads((folder / _ENTRY).read_bytes())
        if any((folder / name).stat().st_size != size for name, size in document["files"].items()):
            return None
        inputs = tuple(
            Input(name=i["name"], shape=tuple(i["shape"]), dtype=np.dtype(i["dtype"]))
            for i in document["inputs"]
        )
        return Entry(folder=folder, inputs=inputs, outputs=tuple(document["outputs"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
