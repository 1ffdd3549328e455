"""Writes a list: to a file, which is there whole or as it was before, or to a stream."""

from __future__ import annotations

import contextlib
import filecmp
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO, Protocol

from db.columns.where import Where
from db.drawn import DrawnSlice
from db.ledger import Ledger
from sdq.exports.captions import Caption
from sdq.exports.folder import sync_names
from sdq.exports.lists.csv import Csv
from sdq.exports.lists.jsonl import JsonLines
from sdq.exports.lists.lines import Lines
from sdq.exports.look_alikes import apart_from, look_alikes
from sdq.exports.splits import TRAIN, Splits
from sdq_core.errors import OutputError, TryAgainError, UsageError
from sdq_core.file_lock import locked
from sdq_core.images.store import make_folder, storage_problem

#: What `sdq submit` takes.
_MOST_COLUMNS = 500
#: What every list of ours has at its beginning, and no other.
_MARK = b"recipe_key"
_BEGINNING_BYTES = 1 << 16


class Output(Protocol):
    """What bytes can be written to."""

    def write(self, data: bytes, /) -> int:
        """Write all of them."""


@dataclass(frozen=True, kw_only=True)
class ListOptions:
    """What a list has. caption, splits: if its results are to have `text` and `split`."""

    format: str
    caption: Caption | None = None
    splits: Splits | None = None


@dataclass(kw_only=True)
class Listed:
    """What was written: images by split, and bytes. alike: images left out that look like another one."""

    images: Counter[str] = field(default_factory=Counter)
    size_bytes: int = 0
    alike: int = 0


def write_list(
    ledger: Ledger,
    batch_ids: Sequence[int],
    stream: Output,
    options: ListOptions,
    *,
    where: Where | None = None,
    distance: int | None = None,
    on_images: Callable[[int], None] = lambda _count: None,
    is_lost: Callable[[], bool] = lambda: False,
) -> Listed:
    """Write a line for each finished image of the batches, each once, in the order of the ledger.

    where: only the images that it chooses.
    distance: leave out images that look like another one, if their hashes differ in at most so many bits.
    on_images: called with how many were written since the last time.
    is_lost: whether nobody reads the stream any more; then the rest is left out.

    Raise UsageError for more columns than there may be, OSError if the stream cannot be written.
    """
    listed = Listed()
    lines, header = _lines(ledger, batch_ids, options)
    listed.size_bytes += stream.write(header.encode())
    slices = partial(_slices, ledger, batch_ids, where)
    alike = frozenset() if distance is None else look_alikes(slices(), distance, lambda _key: False)
    listed.alike = len(alike)
    for drawn in apart_from(slices(), alike):
        listed.size_bytes += stream.write("".join(lines.of(drawn)).encode())
        split = options.splits.of(drawn.recipe.prompt) if options.splits else TRAIN
        listed.images[split] += len(drawn.rows)
        on_images(len(drawn.rows))
        if is_lost():
            break
    return listed


def _slices(ledger: Ledger, batch_ids: Sequence[int], where: Where | None) -> Iterator[DrawnSlice]:
    """Yield the batches' slices, each image once."""
    for position, batch_id in enumerate(batch_ids):
        earlier = batch_ids[:position]
        yield from ledger.batches.drawn_slices(batch_id, where=where, without=earlier)


@contextlib.contextmanager
def list_file(target: Path) -> Iterator[BinaryIO]:
    """Open a file for the block that takes the target's place at its end, unless it is the same.

    Raise OutputError for a target that no export wrote, TryAgainError if another export writes it, StorageError if the
    disk is full.
    """
    try:
        if target.is_symlink():
            target = target.resolve()
        temporary = target.with_name(f".{target.name}.sdq-tmp")
        _check(target)
        make_folder(target.parent)
        with _locked(temporary, target) as file:
            try:
                yield file
                file.flush()
                if target.exists() and filecmp.cmp(temporary, target, shallow=False):
                    temporary.unlink()
                    return
                os.fsync(file.fileno())
                temporary.replace(target)
                sync_names(target.parent)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
    except (OSError, ValueError) as error:
        raise storage_problem(error, target) from error


def _lines(ledger: Ledger, batch_ids: Sequence[int], options: ListOptions) -> tuple[Lines, str]:
    """Return what makes the lines, and the header."""
    if options.format == "jsonl":
        return Lines(JsonLines(), caption=options.caption, splits=options.splits), ""
    names = (name for batch_id in batch_ids for name in ledger.batches.names_of_meta(batch_id))
    csv = Csv([name for name in dict.fromkeys(names) if name.strip()])
    lines = Lines(csv, caption=options.caption, splits=options.splits)
    header = csv.header(*lines.columns)
    if header.count(",") >= _MOST_COLUMNS:
        raise UsageError(
            f"Your own fields make more than {_MOST_COLUMNS} columns. Export as jsonl, which has them in one."
        )
    return lines, header


def _check(target: Path) -> None:
    """Raise OutputError if something is at the target that is no list of ours."""
    if target.is_dir():
        raise OutputError(f"{target} is a folder, but this format is a file. Name a file.")
    if not target.exists():
        return
    if not target.is_file():
        raise OutputError(
            f"{target} is a device or a pipe, which cannot be replaced. Name a file, or - for standard output."
        )
    with target.open("rb") as file:
        beginning = file.read(_BEGINNING_BYTES)
    if beginning and _MARK not in beginning:
        raise OutputError(f"{target} exists, and no export wrote it. Name a new file.")


@contextlib.contextmanager
def _locked(path: Path, target: Path) -> Iterator[BinaryIO]:
    """Open a file anew that only one process writes. target: what it is going to be."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        with open(descriptor, "wb") as file:  # noqa: PTH123  (a descriptor has no path)
            if not locked(descriptor):
                raise TryAgainError(
                    f"Another export is writing {target}. Try again when it is done."
                )
            # Between the two, another export may have finished, and this may be its list by now.
            try:
                is_own = path.stat().st_ino == os.fstat(descriptor).st_ino
            except FileNotFoundError:
                is_own = False
            if is_own:
                os.ftruncate(descriptor, 0)
                yield file
                return
