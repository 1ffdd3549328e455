"""Does the ledger tell the truth? Every row has its file, every file its row, every open slice its place in a queue.

`verify` changes nothing. `repair` fixes what it found: images whose file is lost or damaged are drawn again, slices
that no queue and no living worker has are queued, counts are corrected. It only removes files that sdq wrote and nobody
needs: temporary files of dead processes, and second copies of images. A file that nobody asked for is left to the user.

Memory grows with what is wrong, not with the batches: rows are read page by page, and files are listed some at a time
(`sdq.upkeep.leftovers`).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection, Set
from dataclasses import dataclass, field
from pathlib import Path

from db.dispatch import all_open_slices, reconcile
from db.ledger import Ledger
from db.values import BatchStatus, CheckedFile
from sdq.upkeep.inputs import changed_inputs, missing_inputs
from sdq.upkeep.leftovers import BEING_WRITTEN_S, Leftovers
from sdq_core.errors import InputMissingError
from sdq_core.images.root import OutputRoot
from sdq_core.images.store import sweep_temporary_files
from sdq_core.inputs.store import InputStore
from sdq_core.queue.failures import redis_errors
from sdq_core.queue.queues import Queues
from sdq_core.queue.slice_ids import SliceIds

_TOLD_AT_ONCE = 100


@dataclass(kw_only=True)
class Findings:
    """What is wrong; batches by name, files by path relative to the output root.

    images: how many were checked.
    missing, damaged: files of finished images that do not exist or have another sha256.
    strays: files without a row.
    spares: second copies of images, drawn for two batches at once.
    temporary: files of killed processes.
    unqueued: slices of active batches that no queue and no living worker has.
    dead: workers that died and still have slices.
    unfit: slices that are closed although images are missing.
    miscounted: batches with wrong counts.
    inputs_missing, inputs_changed: pictures that recipes need, by sha256 and by path.
    """

    images: int = 0
    missing: list[CheckedFile] = field(default_factory=list)
    damaged: list[CheckedFile] = field(default_factory=list)
    strays: list[str] = field(default_factory=list)
    spares: list[str] = field(default_factory=list)
    temporary: list[str] = field(default_factory=list)
    unqueued: list[int] = field(default_factory=list)
    dead: set[str] = field(default_factory=set)
    unfit: list[int] = field(default_factory=list)
    miscounted: list[str] = field(default_factory=list)
    inputs_missing: list[str] = field(default_factory=list)
    inputs_changed: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.repairable or self.strays or self.inputs_lost)

    @property
    def repairable(self) -> bool:
        """Whether `repair` has anything to do."""
        return bool(
            self.missing or self.damaged or self.spares or self.temporary
            or self.unqueued or self.unfit or self.miscounted
        )  # fmt: skip

    @property
    def inputs_lost(self) -> bool:
        """Whether pictures that recipes need are missing or changed; only their owner can put them back."""
        return bool(self.inputs_missing or self.inputs_changed)


def verify(
    ledger: Ledger,
    queues: Queues,
    root: OutputRoot,
    *,
    inputs: InputStore | None = None,
    batch: str | None = None,
    dead: Collection[str] = (),
    read_files: bool = True,
    on_images: Callable[[int], object] = lambda _: None,
) -> Findings:
    """Compare ledger, files and queues, of one batch or of all.

    inputs: where pictures are kept; None leaves them out.
    dead: workers that are known to have died.
    read_files: compute each file's sha256; otherwise only compare its size.
    on_images: called with the number of images that were compared since the last time, at most 100.

    Raise InputMissingError for an unknown batch, StorageError if there are finished images and their root is absent,
    also if it vanishes in the middle.
    """
    statuses = ledger.batches.statuses() if batch is None else [ledger.batches.find(batch)]
    findings = Findings()
    chosen: list[BatchStatus] = []
    # The newest first: an image is checked with the oldest batch that asks for it, which may begin to ask meanwhile.
    for status in statuses:
        if status is None:
            raise InputMissingError(f"There is no batch {batch!r}. `sdq status` lists them.")
        chosen.append(status)
        pages = ledger.upkeep.pages_to_check(
            status.id, with_older=batch is None, with_hashes=read_files
        )
        for page in pages:
            findings.unfit.extend(page.closed_too_early)
            if page.files and not findings.images:
                root.require()
            for start in range(0, len(page.files), _TOLD_AT_ONCE):
                files = page.files[start : start + _TOLD_AT_ONCE]
                for file in files:
                    _check_file(findings, root, file)
                findings.images += len(files)
                on_images(len(files))
        if not ledger.upkeep.counts_agree(status.id):
            findings.miscounted.append(status.name)
    found = Leftovers(ledger, root.path).look(chosen, everywhere=batch is None)
    findings.strays, findings.spares, findings.temporary = found
    if inputs is not None:
        needed = ledger.upkeep.inputs(batch)
        findings.inputs_missing = missing_inputs(inputs, needed)
        if read_files:
            findings.inputs_changed = [str(path) for path in changed_inputs(inputs, needed)]
    _find_unqueued(findings, ledger, queues, dead, only=None if batch is None else chosen[0])
    return findings


def repair(ledger: Ledger, queues: Queues, root: OutputRoot, findings: Findings) -> int:
    """Repair the findings as far as possible; return how many images will be drawn again.

    Raise StorageError if images are missing and their root is absent by now.
    """
    if findings.missing or findings.damaged:
        root.require()
    for name in findings.miscounted:
        ledger.upkeep.recount(name)
    lost = findings.missing + findings.damaged
    again = ledger.upkeep.take_back((file.recipe_id, file.seed) for file in lost)
    unfit = (ledger.work.load_slice(slice_id) for slice_id in findings.unfit)
    for batch_id in sorted({slice_.batch_id for slice_ in unfit if slice_ is not None}):
        ledger.upkeep.recount(batch_id)
    for path in findings.spares:
        root.remove(path)
    sweep_temporary_files(root.path, older_than_s=BEING_WRITTEN_S)
    with redis_errors():
        for worker in findings.dead:
            queues.claims.release(worker)
    reconcile(ledger, queues, wait_s=60)
    return again


def _check_file(findings: Findings, root: OutputRoot, file: CheckedFile) -> None:
    path = f"{root.path}/{file.path}"  # a Path would take longer to make than the file system to answer
    try:
        if os.stat(path).st_size != file.size_bytes or (  # noqa: PTH116
            file.sha256 is not None and _sha256(path) != file.sha256
        ):
            findings.damaged.append(file)
    except (FileNotFoundError, NotADirectoryError):
        root.require()
        findings.missing.append(file)
    except OSError:  # unreadable is as good as damaged
        root.require()
        findings.damaged.append(file)


def _sha256(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _find_unqueued(
    findings: Findings,
    ledger: Ledger,
    queues: Queues,
    dead: Collection[str],
    *,
    only: BatchStatus | None,
) -> None:
    # The ledger before the queues: what is submitted in between is then not missed in them.
    wanted: Set[int] = SliceIds(ref.id for ref in all_open_slices(ledger))
    if only is not None:
        wanted = SliceIds(ledger.upkeep.unfinished_slices(only.id)) & wanted
    with redis_errors():
        holdings = queues.holdings()
        findings.dead = queues.claims.gone(holdings.claimed.values())
    findings.dead.update(set(dead).intersection(holdings.claimed.values()))
    for slice_id in wanted:
        if slice_id in holdings.waiting:
            continue
        if holdings.claimed.get(slice_id, "") in {"", *findings.dead}:
            slice_ = ledger.work.load_slice(slice_id)  # again: it may have been finished meanwhile
            if slice_ and not slice_.finished_at and slice_.wanted:
                findings.unqueued.append(slice_id)
