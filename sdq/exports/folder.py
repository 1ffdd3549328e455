"""The folder of a data set: a new one, an empty one, or one that an earlier export made; and one export at a time."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from sdq.exports.index import INDEX
from sdq_core.errors import OutputError, TryAgainError, UsageError
from sdq_core.file_lock import locked
from sdq_core.images.store import make_folder, storage_problem, sync_folder

#: Files that are being made; in the data set's folder, so that they can be renamed to their places.
WORK = ".sdq-work"


@contextlib.contextmanager
def export_folder(folder: Path, outputs: Path) -> Iterator[None]:
    """Make a data set's folder, or check that it is one, and keep other exports out of it for the block.

    outputs: where images are drawn to; nothing else may be in there.

    Raise OutputError for what is no data set of ours, TryAgainError if another export writes it.
    """
    inside = folder.resolve()
    if inside == outputs.resolve() or outputs.resolve() in inside.parents:
        raise UsageError(
            f"{folder} is in {outputs}, where the images are drawn to. Export into a folder elsewhere."
        )
    try:
        if folder.exists() and not folder.is_dir():
            raise OutputError(
                f"{folder} is a file, but this format needs a folder. Name a new one."
            )
        make_folder(folder)
        if not (folder / INDEX).exists() and any(
            not path.name.startswith(".") for path in folder.iterdir()
        ):
            raise OutputError(
                f"{folder} has files that no export made. Name a new or an empty folder."
            )
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except (OSError, ValueError) as error:
        raise storage_problem(error, folder) from error
    try:
        if not locked(descriptor):
            raise TryAgainError(f"Another export is writing {folder}. Try again when it is done.")
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def work_folder(folder: Path) -> Iterator[Path]:
    """Make the folder for files that are being made, empty, for the block."""
    work = folder / WORK
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def sync_file(file: Path) -> None:
    """Force a file to disk."""
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_names(folder: Path) -> None:
    """Force the names in a folder to disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        sync_folder(descriptor)
    finally:
        os.close(descriptor)
