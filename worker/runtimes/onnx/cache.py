"""Translations on disk, one folder each, shared by every process on the machine.

    <cache>/<model's name>-<key>/entry.json    the model's inputs and outputs, and the sizes of the files
                                   model.onnx
                                   weights.data

Invariant: a folder under its final name is complete. It is written under a temporary name and renamed, so a crash
leaves temporary files but never half an entry, and two processes that translate at once end up with one of two equal
entries. The key covers everything that determines the contents; an entry that fails its check is written again.
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
from sdq_core.models.colour_layout import ColourLayout
from sdq_core.models.network_files import NetworkFiles
from worker.runtimes.disk import disk_errors, drop_stale, note_use
from worker.runtimes.inputs import Input

MODEL = "model.onnx"
WEIGHTS = "weights.data"
_ENTRY = "entry.json"
_TEMPORARY = ".partial-"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A complete translation."""

    folder: Path
    inputs: tuple[Input, ...]
    outputs: tuple[str, ...]

    @property
    def model(self) -> Path:
        """The path of the file to load."""
        return self.folder / MODEL


#: Writes a translation's files to an empty folder; returns its inputs and the names of its outputs.
Write = Callable[[Path], tuple[tuple[Input, ...], tuple[str, ...]]]


class TranslationCache:
    """The translations in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(
        self, network: NetworkFiles, version: str, write: Write, *, rebuild: bool = False
    ) -> Entry:
        """Return the translation of `network`, written with `write` unless a complete one exists.

        version: of the code behind `write`.
        rebuild: replace even an entry that looks complete.

        Raises OutputError or StorageError if the folder cannot be written, and whatever `write` raises.
        """
        final = self._folder / f"{network.path.stem}-{network.content_key(version)}"
        if not rebuild and (entry := _read(final)) is not None:
            note_use(final)
            return entry
        with disk_errors(self._folder):
            self._folder.mkdir(exist_ok=True)
            drop_stale(self._folder, _TEMPORARY)
            temporary = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=self._folder))
            try:
                _write(temporary, network, write)
                return self._publish(temporary, final, rebuild=rebuild)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)

    def _publish(self, temporary: Path, final: Path, *, rebuild: bool) -> Entry:
        if final.exists():
            present = None if rebuild else _read(final)
            if present is not None:  # another process was faster
                return present
            # Move the old folder away first: a rename cannot replace a folder with files in it.
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
            raise StorageError(f"{final} was damaged while it was written. Check the disk.")
        return entry


def _write(folder: Path, network: NetworkFiles, write: Write) -> None:
    inputs, outputs = write(folder)
    files = {file.name: file.stat().st_size for file in sorted(folder.iterdir())}
    document = {
        "source": str(network.path),
        "inputs": [
            {"name": i.name, "shape": list(i.shape), "dtype": i.dtype.name, "image": i.image}
            for i in inputs
        ],
        "outputs": list(outputs),
        "files": files,
    }
    (folder / _ENTRY).write_text(json.dumps(document, indent=1))


def _read(folder: Path) -> Entry | None:
    """Return the entry in `folder` if every file exists with its size, else None."""
    try:
        document = json.loads((folder / _ENTRY).read_bytes())
        if any((folder / name).stat().st_size != size for name, size in document["files"].items()):
            return None
        inputs = tuple(
            Input(
                name=i["name"],
                shape=tuple(i["shape"]),
                dtype=np.dtype(i["dtype"]),
                # Entries of 0.1 are of networks without images.
                image=ColourLayout(i["image"]) if i.get("image") else None,
            )
            for i in document["inputs"]
        )
        return Entry(folder=folder, inputs=inputs, outputs=tuple(document["outputs"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
