"""A part that is a folder of its own: filled under another name, and renamed when all of it is on disk."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from sdq.exports.folder import WORK, sync_file, sync_names
from sdq.exports.link import Link, place
from sdq.exports.sample import Sample
from sdq_core.images.store import make_folder


class PartFolder:
    """Images in a folder; what else belongs into it is written before `close`."""

    def __init__(self, folder: Path, target: Path, link: Link) -> None:
        """folder: the data set's. target: where the part is to be."""
        self.building = folder / WORK / "-".join(target.relative_to(folder).parts)
        self._target = target
        self._link = link
        self._files: list[Path] = []
        self.size_bytes = 0
        shutil.rmtree(self.building, ignore_errors=True)
        self.building.mkdir()

    def add(self, sample: Sample) -> str:
        """Add a sample's file; return its name."""
        file = self.building / f"{sample.key}{sample.extension}"
        place(sample.file, file, self._link, movable=sample.movable)
        self.size_bytes += file.stat().st_size
        if sample.movable or not self._link.is_same_file:
            self._files.append(file)
        return file.name

    def write(self, name: str, text: str) -> None:
        """Write a file beside the images."""
        file = self.building / name
        file.write_text(text, encoding="utf-8")
        self._files.append(file)

    def sync(self) -> None:
        """Force what was written to disk."""
        for file in self._files:
            sync_file(file)
        sync_names(self.building)

    def close(self) -> Sequence[Path]:
        """Make it durable and give it its name."""
        self.sync()
        make_folder(self._target.parent)
        # An export that was killed between this and its index left a part that nobody knows of.
        shutil.rmtree(self._target, ignore_errors=True)
        os.rename(self.building, self._target)  # noqa: PTH104  (replaces nothing)
        sync_names(self._target.parent)
        return [self._target]

    def move_into(self, folder: Path) -> None:
        """Make it durable and move its files into a folder that parts share."""
        self.sync()
        make_folder(folder)
        # Backwards, so that `KEY.txt` is there before `KEY.png`: no image is ever without its caption.
        for file in sorted(self.building.iterdir(), reverse=True):
            file.replace(folder / file.name)
        sync_names(folder)
        self.building.rmdir()

    def abort(self) -> None:
        """Remove it."""
        with contextlib.suppress(OSError):
            shutil.rmtree(self.building)
