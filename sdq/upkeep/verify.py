"""Does the ledger tell the truth? Every row has its file, every file its row, every open slice its place in a queue.

`verify` changes nothing. `repair` fixes what it found: images whose file is lost or damaged are drawn again, slices
that no queue and no living worker has are queued, counts are corrected. It only removes files that sdq wrote and nobody
needs: temporary files of dead processes, and second copies of images. A file that nobody asked for is left to the user.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from db.dispatch import reconcile
from db.ledger import Ledger
from db.values import BatchState, BatchStatus, FinishedImage
from sdq_core.errors import InputMissingError
from sdq_core.images.path import batch_folder, image_path
from sdq_core.images.root import OutputRoot
from sdq_core.images.store import is_temporary, sweep_temporary_files
from sdq_core.queue.failures import redis_errors
from sdq_core.queue.queues import Queues

#: A younger temporary file may belong to a running worker.
_BEING_WRITTEN_S = 60.0


@dataclass(kw_only=True)
class Findings:
    """What is wrong; batches by name, files by path relative to the output root.

    images: how many were checked.
    missing, damaged: finished images whose file does not exist or has another sha256.
    strays: files without a row.
    spares: second copies of images, drawn for two batches at once.
    temporary: files of killed processes.
    unqueued: slices of active batches that no queue and no living worker has.
    dead: workers that died and still have slices.
    unfit: slices that are closed although images are missing.
    miscounted: batches with wrong counts.
    """

    images: int = 0
    missing: list[FinishedImage] = field(default_factory=list)
    damaged: list[FinishedImage] = field(default_factory=list)
    strays: list[str] = field(default_factory=list)
    spares: list[str] = field(default_factory=list)
    temporary: list[str] = field(default_factory=list)
    unqueued: list[int] = field(default_factory=list)
    dead: set[str] = field(default_factory=set)
    unfit: list[int] = field(default_factory=list)
    miscounted: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        return not (
            self.missing or self.damaged or self.strays or self.spares or self.temporary
            or self.unqueued or self.unfit or self.miscounted
        )  # fmt: skip


def verify(
    ledger: Ledger,
    queues: Queues,
    root: OutputRoot,
    *,
    batch: str | None = None,
    dead: Collection[str] = (),
    read_files: bool = True,
    on_image: Callable[[], None] = lambda: None,
) -> Findings:
    """Compare ledger, files and queues, of one batch or of all.

    dead: workers that are known to have died.
    read_files: compute each file's sha256; otherwise only compare its size.
    on_image: called for each image.

    Raise InputMissingError for an unknown batch, StorageError if there are finished images and their root is absent,
    also if it vanishes in the middle.
    """
    outputs = root.path
    statuses = ledger.batches.statuses() if batch is None else [ledger.batches.find(batch)]
    findings = Findings()
    known: set[str] = set()
    wanted: set[str] = set()
    open_slices: set[int] = set()
    for status in statuses:
        if status is None:
            raise InputMissingError(f"There is no batch {batch!r}. `sdq status` lists them.")
        # Unfinished images before finished ones: one that is finished in between is in both, and not a stray.
        for slice_ in ledger.upkeep.audited_slices(status.id):
            wanted.update(image_path(status.name, slice_.entry, seed) for seed in slice_.unsettled)
            if slice_.finished and slice_.unsettled:
                findings.unfit.append(slice_.id)
            if not slice_.finished and status.state is BatchState.ACTIVE:
                open_slices.add(slice_.id)
        for image in ledger.batches.images(status.id):
            if image.image.path not in known:
                if not known:
                    root.require()
                known.add(image.image.path)
                _check_file(findings, root, image, read_files=read_files)
                on_image()
        if not ledger.upkeep.counts_agree(status.id):
            findings.miscounted.append(status.name)
    folders = [outputs / batch_folder(status.name) for status in statuses if status]
    if batch is None and outputs.is_dir():
        folders = [folder for folder in outputs.iterdir() if folder.is_dir()]
    findings.images = len(known)
    _find_strays(findings, outputs, folders, known, wanted)
    _sort_out_spares(findings, ledger, statuses)
    _find_unqueued(findings, ledger, queues, open_slices, dead)
    return findings


def repair(ledger: Ledger, queues: Queues, root: OutputRoot, findings: Findings) -> int:
    """Repair the findings as far as possible; return how many images will be drawn again.

    Raise StorageError if images are missing and their root is absent by now.
    """
    if findings.missing or findings.damaged:
        root.require()
    for name in findings.miscounted:
        ledger.upkeep.recount(name)
    lost = [
        (found.image.recipe_id, found.image.seed) for found in findings.missing + findings.damaged
    ]
    again = ledger.upkeep.take_back(lost)
    for slice_id in findings.unfit:
        slice_ = ledger.work.load_slice(slice_id)
        if slice_ is not None:
            ledger.upkeep.recount(slice_.batch_id)
    for path in findings.spares:
        root.remove(path)
    sweep_temporary_files(root.path, older_than_s=_BEING_WRITTEN_S)
    with redis_errors():
        for worker in findings.dead:
            queues.claims.release(worker)
    reconcile(ledger, queues, wait_s=60)
    return again


def _check_file(
    findings: Findings, root: OutputRoot, image: FinishedImage, *, read_files: bool
) -> None:
    path = root.path / image.image.path
    try:
        if path.stat().st_size != image.image.size_bytes or (
            read_files and hashlib.sha256(path.read_bytes()).hexdigest() != image.image.sha256
        ):
            findings.damaged.append(image)
    except (FileNotFoundError, NotADirectoryError):
        root.require()
        findings.missing.append(image)
    except OSError:  # unreadable is as good as damaged
        root.require()
        findings.damaged.append(image)


def _find_strays(
    findings: Findings, outputs: Path, folders: list[Path], known: set[str], wanted: set[str]
) -> None:
    """Add files that have no row, except those that are just being drawn."""
    for folder in sorted(folders):
        for path in _files(folder):
            relative = path.relative_to(outputs).as_posix()
            if is_temporary(path):
                if _age_s(path) > _BEING_WRITTEN_S:
                    findings.temporary.append(relative)
            elif relative not in known and relative not in wanted:
                findings.strays.append(relative)


def _sort_out_spares(
    findings: Findings, ledger: Ledger, statuses: Iterable[BatchStatus | None]
) -> None:
    """Move the files whose image another file has from the strays to the spares."""
    strays = set(findings.strays)
    for status in statuses if strays else ():
        if status is None:
            continue
        for slice_ in ledger.upkeep.audited_slices(status.id):
            paths = {image_path(status.name, slice_.entry, seed) for seed in slice_.done}
            findings.spares.extend(sorted(strays & paths))
            strays -= paths
    findings.strays = [path for path in findings.strays if path in strays]


def _files(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        for name in sorted(names):
            yield Path(parent, name)


def _age_s(path: Path) -> float:
    try:
        return time.time() - path.lstat().st_mtime
    except OSError:  # renamed meanwhile, so its process is running
        return 0.0


def _find_unqueued(
    findings: Findings,
    ledger: Ledger,
    queues: Queues,
    open_slices: set[int],
    dead: Collection[str],
) -> None:
    paused = {held.variant.key for held in ledger.variants.paused()}
    with redis_errors():
        holdings = queues.holdings()
        findings.dead = queues.claims.gone(holdings.claimed.values())
    findings.dead.update(set(dead).intersection(holdings.claimed.values()))
    held = {
        slice_id for slice_id, worker in holdings.claimed.items() if worker not in findings.dead
    }
    for slice_id in sorted(open_slices - holdings.waiting - held):
        slice_ = ledger.work.load_slice(slice_id)  # again: it may have been finished meanwhile
        if slice_ and not slice_.finished_at and slice_.recipe.variant.key not in paused:
            findings.unqueued.append(slice_id)
