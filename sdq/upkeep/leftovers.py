"""Files below the output folder that no image needs: strays, second copies, and temporary files of killed processes.

Files are listed first and the ledger is asked afterwards, some hundreds at a time. So a file whose image is finished in
between is known, and memory does not grow with the number of files.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from db.ledger import Ledger
from db.values import BatchStatus, FileStanding
from sdq_core.images.path import batch_folder, image_path
from sdq_core.images.store import is_temporary

#: A younger temporary file may belong to a running worker.
BEING_WRITTEN_S = 60.0

#: Paths compared with all images in one walk. Only strays, spares and files of removed batches need that.
_DOUBTFUL_AT_ONCE = 50_000

_IMAGE = re.compile(r"[^/]+/([0-9]{5,9})/([0-9]{5,9})-([0-9]{1,10})\.png")


class Leftovers:
    """One look at the files of batches."""

    def __init__(self, ledger: Ledger, outputs: Path) -> None:
        self._ledger = ledger
        self._outputs = outputs
        self._strays: list[str] = []
        self._spares: list[str] = []
        self._temporary: list[str] = []
        self._doubtful: dict[str, FileStanding] = {}

    def look(
        self, statuses: Iterable[BatchStatus], *, everywhere: bool
    ) -> tuple[list[str], list[str], list[str]]:
        """Return the paths of strays, spares and temporary files, relative to the output folder and sorted.

        everywhere: look into all folders, not only those of the batches.
        """
        batches = {batch_folder(status.name): status for status in statuses}
        folders: Iterable[str] = batches
        if everywhere:
            folders = [entry.name for entry in _listed(self._outputs) if entry.is_dir()]
        for folder in folders:
            self._look_into(folder, batches.get(folder))
        self._settle_doubts()
        return sorted(self._strays), sorted(self._spares), sorted(self._temporary)

    def _look_into(self, folder: str, status: BatchStatus | None) -> None:
        images = self._images_in(folder, status)
        if status is None:
            for _ in images:
                pass
            return
        for entry, seed, standing in self._ledger.upkeep.files_standing(status.id, images):
            if standing is not FileStanding.EXPECTED:
                self._doubt(image_path(status.name, entry, seed), standing)

    def _images_in(self, folder: str, status: BatchStatus | None) -> Iterator[tuple[int, int]]:
        """Yield entry and seed of the files that may be the batch's images, and sort out the others."""
        for path in _files(self._outputs / folder):
            relative = path.relative_to(self._outputs).as_posix()
            if is_temporary(path):
                if _age_s(path) > BEING_WRITTEN_S:
                    self._temporary.append(relative)
                continue
            image = _IMAGE.fullmatch(relative) if status else None
            if image and status:
                entry, seed = int(image[1]), int(image[3])
                if relative == image_path(status.name, entry, seed):
                    yield entry, seed
                    continue
            self._doubt(relative, FileStanding.UNKNOWN)

    def _doubt(self, path: str, standing: FileStanding) -> None:
        self._doubtful[path] = standing
        if len(self._doubtful) >= _DOUBTFUL_AT_ONCE:
            self._settle_doubts()

    def _settle_doubts(self) -> None:
        """Sort out what is not the file of any image: a batch's removal leaves those that others ask for."""
        if not self._doubtful:
            return
        for path in self._doubtful.keys() - self._ledger.upkeep.with_rows(self._doubtful.keys()):
            if os.path.lexists(self._outputs / path):  # not removed meanwhile: rows go first
                spare = self._doubtful[path] is FileStanding.SPARE
                (self._spares if spare else self._strays).append(path)
        self._doubtful.clear()


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, those of each folder one after the other; follows no link."""
    for entry in _listed(folder):
        if not entry.is_dir():
            yield Path(entry.path)
        elif not entry.is_symlink():
            yield from _files(Path(entry.path))


def _listed(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield what is in a folder, nothing if it cannot be read."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        yield from entries


def _age_s(path: Path) -> float:
    try:
        return time.time() - path.lstat().st_mtime
    except OSError:  # renamed meanwhile, so its process is running
        return 0.0
