"""Freeing disk space: finished batches, and prepared models that are no longer used.

A batch is removed only when nobody draws for it. Its rows go before their files, page by page, so that no row ever
lacks its file. After an interruption, call again; `sdq verify` lists files that were left over. Images that another
batch asks for stay.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from db.ledger import Ledger
from db.values import BatchStatus
from sdq_core.errors import TryAgainError
from sdq_core.images.filing import Filing
from sdq_core.images.path import batch_folder
from sdq_core.images.root import OutputRoot
from sdq_core.images.store import is_older
from sdq_core.queue.failures import redis_errors
from sdq_core.queue.order import parts_of
from sdq_core.queue.queues import Queues
from sdq_core.queue.slice_ids import SliceIds

#: Preparing a removed model again takes seconds or minutes.
CACHE_UNUSED_S = 30 * 24 * 3600.0


@dataclass(frozen=True, kw_only=True)
class Removed:
    """What was removed.

    images: finished images.
    files: image files.
    size_bytes: of these files.
    """

    images: int
    files: int
    size_bytes: int


def refuse_unfinished(status: BatchStatus) -> None:
    """Raise TryAgainError for a batch that is still to be drawn."""
    left = status.total - status.completed - status.failed
    if left and status.state != "cancelled":
        raise TryAgainError(
            f"Batch {status.name} still has {left:,} {'image' if left == 1 else 'images'} to draw. Wait, or run "
            f"`sdq cancel {quote(status.name)}` first."
        )


def forget_batch(
    ledger: Ledger, queues: Queues, root: OutputRoot, status: BatchStatus, *, keep_files: bool
) -> Removed:
    """Remove a batch from ledger and queues, and the files of its images unless another batch asks for them.

    keep_files: leave the files where they are; they are then the user's own.

    Raise TryAgainError while a worker draws for the batch or someone submits to it, StorageError if its files should go
    and their root is absent.
    """
    refuse_unfinished(status)
    removes_files = status.completed > 0 and not keep_files
    if removes_files:
        root.require()
    batch_id = ledger.upkeep.begin_pruning(status.name)
    unfinished = SliceIds(ledger.upkeep.unfinished_slices(batch_id))
    if unfinished:
        with redis_errors():
            if not unfinished.isdisjoint(queues.claims.workers()):
                raise TryAgainError(
                    f"A worker is finishing an image of batch {status.name}. Try again in a moment."
                )
            for key in queues.queue_keys():
                if parts_of(key)[1] == batch_id:
                    queues.clear(key, with_jobs=True)
    filing = Filing.of(ledger.batches.request(batch_id).options.given)
    images = files = size = 0
    while not (page := ledger.upkeep.prune_page(batch_id)).last:
        images += page.images
        for path in () if keep_files else page.spares:
            if not is_older(root.path / path, status.created_at):  # somebody's from before
                root.remove(path)
        for path in () if keep_files else page.paths:
            # The file, or its disk, is already gone; it no longer has a row.
            with contextlib.suppress(OSError):
                size_of_it = (root.path / path).stat().st_size
                (root.path / path).unlink()
                files, size = files + 1, size + size_of_it
        if not (keep_files or filing.template.has_own_folder):
            _remove_if_empty(root.path, page.paths)
        if removes_files:
            root.require()  # before the next page's rows go
    if not keep_files and filing.template.has_own_folder:
        _remove_empty_folders(root.path / batch_folder(status.name))
    return Removed(images=images, files=files, size_bytes=size)


def unused_cache(cache: Path, *, older_than_s: float = CACHE_UNUSED_S) -> Iterator[Path]:
    """Yield the models prepared for this machine that have not been loaded recently."""
    for entry in (*cache.glob("*/entry.json"), *cache.glob("coreml/*.mlmodelc")):
        folder = entry.parent if entry.name == "entry.json" else entry
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime > older_than_s:
                yield folder


def remove_folder(folder: Path) -> int:
    """Delete a folder and return its size in bytes."""
    size = sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())
    shutil.rmtree(folder, ignore_errors=True)
    return size


def _remove_if_empty(root: Path, paths: Iterable[str]) -> None:
    """Remove the folders of removed files, and those above them below `root`, which are empty."""
    folders = {
        folder for path in paths for folder in (root / path).parents if root in folder.parents
    }
    for folder in sorted(folders, key=lambda folder: len(folder.parts), reverse=True):
        with contextlib.suppress(OSError):
            folder.rmdir()


def _remove_empty_folders(root: Path) -> None:
    """Remove `root` and the folders in it that are empty; a user's own file keeps its folder."""
    for parent, _, _ in os.walk(root, topdown=False):
        with contextlib.suppress(OSError):
            Path(parent).rmdir()
