"""Files below the output folder that no image needs: strays, second copies, and temporary files of killed processes.

Files are listed first and the ledger is asked afterwards, some hundreds at a time. So a file whose image is finished in
between is known, and memory does not grow with the number of files.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Container, Iterable, Iterator, Set
from dataclasses import dataclass
from pathlib import Path

from db.ledger import Ledger
from db.values import BatchStatus, FileStanding
from sdq_core.images.filing import Filing
from sdq_core.images.path import image_path
from sdq_core.images.root import MARKER
from sdq_core.images.store import is_older, is_temporary

#: A younger temporary file may belong to a running worker.
BEING_WRITTEN_S = 60.0

#: Paths compared with all images in one walk. Only strays, spares, files of removed batches and those of batches with
#: a path template need that.
_DOUBTFUL_AT_ONCE = 50_000

_IMAGE = re.compile(r"[^/]+/([0-9]{5,9})/\1-([0-9]{1,10})\.\w+")


@dataclass(frozen=True, kw_only=True)
class _Batch:
    status: BatchStatus
    filing: Filing

    @property
    def folder(self) -> str:
        """The folder that its files have in common; perhaps the output folder itself, or one of other batches too."""
        return self.filing.folder(self.status.name)


class Leftovers:
    """One look at the files of batches."""

    def __init__(self, ledger: Ledger, outputs: Path) -> None:
        self._ledger = ledger
        self._outputs = outputs
        self._strays: list[str] = []
        self._spares: list[str] = []
        self._temporary: list[str] = []
        self._doubtful: dict[str, FileStanding] = {}
        self._elsewhere: list[_Batch] = []  # those whose paths do not tell which images they are
        self._everywhere = False
        self._judged: Set[str] = frozenset()  # folders that are looked into by themselves

    def look(
        self, statuses: Iterable[BatchStatus], *, everywhere: bool
    ) -> tuple[list[str], list[str], list[str]]:
        """Return the paths of strays, spares and temporary files, relative to the output folder and sorted.

        everywhere: look into all folders, not only those of the batches.
        """
        self._everywhere = everywhere
        batches: dict[str, _Batch] = {}
        for status in statuses:
            options = self._ledger.batches.request(status.id).options
            batch = _Batch(status=status, filing=Filing.of(options.given))
            if batch.filing.has_default_paths:
                batches[batch.folder] = batch
            else:
                self._elsewhere.append(batch)
        self._judged = batches.keys()
        for folder, batch in batches.items():
            self._look_into(folder, batch)
        others = {batch.folder for batch in self._elsewhere}
        if everywhere:
            others |= {entry.name for entry in _listed(self._outputs) if entry.is_dir()}
        for folder in others - batches.keys():
            if not any(above in others or above in batches for above in _above(folder)):
                self._look_into(folder, None)
        self._settle_doubts()
        return sorted(self._strays), sorted(self._spares), sorted(self._temporary)

    def _look_into(self, folder: str, batch: _Batch | None) -> None:
        images = self._images_in(folder, batch)
        if batch is None:
            for _ in images:
                pass
            return
        name, suffix = batch.status.name, batch.filing.image_format.suffix
        for entry, seed, standing in self._ledger.upkeep.files_standing(batch.status.id, images):
            if standing is not FileStanding.EXPECTED:
                path = image_path(name, entry, seed, suffix)
                self._doubt(path, self._unless_older(path, standing, batch))

    def _images_in(self, folder: str, batch: _Batch | None) -> Iterator[tuple[int, int]]:
        """Yield entry and seed of the files that may be the batch's images, and sort out the others."""
        name, suffix = "", ""
        if batch:
            name, suffix = batch.status.name, batch.filing.image_format.suffix
        for relative in _files(self._outputs, folder, self._judged - {folder}):
            image = _IMAGE.fullmatch(relative) if batch else None
            if image:
                entry, seed = int(image[1]), int(image[2])
                if relative == image_path(name, entry, seed, suffix):
                    yield entry, seed
                    continue
            path = self._outputs / relative
            if is_temporary(path):
                if _age_s(path) > BEING_WRITTEN_S:
                    self._temporary.append(relative)
            elif relative != MARKER:
                self._doubt(relative, FileStanding.UNKNOWN)

    def _unless_older(self, path: str, standing: FileStanding, batch: _Batch) -> FileStanding:
        """Return the standing of a file for a batch, which did not write what is older than itself."""
        spare = standing is FileStanding.SPARE
        if spare and is_older(self._outputs / path, batch.status.created_at):
            return FileStanding.UNKNOWN
        return standing

    def _doubt(self, path: str, standing: FileStanding) -> None:
        self._doubtful[path] = standing
        if len(self._doubtful) >= _DOUBTFUL_AT_ONCE:
            self._settle_doubts()

    def _settle_doubts(self) -> None:
        """Sort out what is not the file of any image: a batch's removal leaves those that others ask for."""
        if not self._doubtful:
            return
        rowless = self._doubtful.keys() - self._ledger.upkeep.with_rows(self._doubtful.keys())
        doubtful = {path: self._doubtful[path] for path in rowless}
        self._doubtful.clear()
        for batch in self._elsewhere if doubtful else ():
            standings = self._ledger.upkeep.files_standing_at(batch.status.id, doubtful.keys())
            for path, standing in list(standings):
                if standing is FileStanding.EXPECTED:
                    doubtful.pop(path, None)
                elif path in doubtful:
                    doubtful[path] = self._unless_older(path, standing, batch)
        for path, standing in doubtful.items():
            if os.path.lexists(self._outputs / path):  # not removed meanwhile: rows go first
                if standing is FileStanding.SPARE:
                    self._spares.append(path)
                elif self._is_sdqs_place(path):
                    self._strays.append(path)

    def _is_sdqs_place(self, path: str) -> bool:
        """Whether nothing but images belongs where a file is.

        That is in every folder, if all batches are looked at; not directly in the output folder, where users keep
        sheets and reports; and not among files of batches that were not looked at.
        """
        if self._everywhere:
            return "/" in path
        return not any(
            _is_in(batch.folder, path) and not batch.filing.template.has_own_folder
            for batch in self._elsewhere
        )


def _above(folder: str) -> list[str]:
    """Return the folders above one, the output folder last; that has none."""
    names = folder.split("/") if folder else []
    return ["/".join(names[:count]) for count in range(len(names) - 1, -1, -1)]


def _is_in(folder: str, path: str) -> bool:
    return not folder or path.startswith(f"{folder}/")


def _files(outputs: Path, folder: str, but: Container[str]) -> Iterator[str]:
    """Yield the files below a folder of the output folder, those of each folder one after the other; follows no link.

    Paths are texts, relative to the output folder: there are millions, and a `Path` takes longer to make than the file
    system takes to tell of the file.

    but: folders to leave out.
    """
    above = f"{folder}/" if folder else ""
    for entry in _listed(outputs / folder):
        path = above + entry.name
        if not entry.is_dir():
            yield path
        elif not entry.is_symlink() and path not in but:
            yield from _files(outputs, path, but)


def _listed(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield what is in a folder, nothing if it cannot be read."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        yield from entries


def _age_s(path: Path) -> float:
    try:
        return time.time() - path.lstat().st_mtime
    except OSError:  # renamed meanwhile, so its process is running
        return 0.0
