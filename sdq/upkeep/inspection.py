"""Measures the pictures of finished images, and finds those that look alike.

Only files that are to the byte what the ledger says are measured. What was measured is stored every few seconds, so an
interrupted inspection is resumed by the next. Memory does not grow with the images, but for some 160 bytes each while
look-alikes are sought, and the names of files that are not as they should be.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from db.finished_rows import ImageFile
from db.ledger import Ledger
from sdq.upkeep.pictures import Scope, Unfit, look_at, readers
from sdq_core.images.root import OutputRoot
from sdq_core.values.quality import Quality
from worker.quality.duplicates import USUAL_DISTANCE, near_duplicates
from worker.quality.measures import hash_value, measure

#: How often what was measured is stored, s; and how many images at most.
_STORE_EVERY_S = 2.0
_STORE_AT_ONCE = 500


@dataclass(kw_only=True)
class Findings:
    """What an inspection did and found.

    measured: images that got their measures now.
    unfit: the files that could not be measured, by the reason; paths relative to the output folder.
    inspected: images with measures, of those asked about.
    near_duplicates: how many of these look like one that is kept in their place.
    constant: how many of them have one colour only.
    """

    measured: int = 0
    unfit: dict[Unfit, list[str]] = field(default_factory=lambda: {why: [] for why in Unfit})
    inspected: int = 0
    near_duplicates: int = 0
    constant: int = 0

    @property
    def clean(self) -> bool:
        """Whether every file could be measured."""
        return not any(self.unfit.values())


def inspect(
    ledger: Ledger,
    root: OutputRoot,
    scopes: Sequence[Scope],
    *,
    threads: int,
    on_start: Callable[[int], None] = lambda _total: None,
    on_image: Callable[[], None] = lambda: None,
) -> Findings:
    """Measure the images that have no measures yet, and store which of all these images look alike.

    threads: how many files are read at once, at a low priority.
    on_start: called with the number of images to measure.
    on_image: called for each of them.

    Raise StorageError if there are images to measure and their root is absent, also if it vanishes in the middle.
    """
    findings = Findings()
    total = sum(1 for scope in scopes for _ in ledger.measures.unmeasured(scope))
    on_start(total)
    if total:
        root.require()
    with readers(threads) as pool:
        for scope in scopes if total else ():
            _measure_all(ledger, root, scope, findings, pool, threads, on_image)
    _find_near_duplicates(ledger, scopes, findings)
    return findings


def _measure_all(
    ledger: Ledger,
    root: OutputRoot,
    scope: Scope,
    findings: Findings,
    pool: ThreadPoolExecutor,
    threads: int,
    on_image: Callable[[], None],
) -> None:
    measured: list[tuple[ImageFile, Quality]] = []
    stored_at = time.monotonic()
    files = ledger.measures.unmeasured(scope)
    for file, found in look_at(files, root, measure, pool, 2 * threads):
        if isinstance(found, Quality):
            measured.append((file, found))
            findings.measured += 1
        else:
            findings.unfit[found].append(file.path)
        on_image()
        if len(measured) >= _STORE_AT_ONCE or time.monotonic() - stored_at > _STORE_EVERY_S:
            ledger.measures.store(measured)
            measured.clear()
            stored_at = time.monotonic()
    ledger.measures.store(measured)


def _find_near_duplicates(ledger: Ledger, scopes: Sequence[Scope], findings: Findings) -> None:
    """Compare all images of the scopes that are measured; of those that look alike, the one tried first is kept."""
    ids, hashes, before, constant = array("q"), array("Q"), array("q"), array("b")
    for scope in scopes:
        for image in ledger.measures.measured(scope):
            ids.append(image.id)
            hashes.append(hash_value(image.phash))
            before.append(image.near_duplicate_of or 0)
            constant.append(bool(image.constant))
    # By id, and an image of two batches once.
    in_order, first = np.unique(np.array(ids, dtype=np.int64), return_index=True)
    instead_of = near_duplicates(np.array(hashes, dtype=np.uint64)[first], USUAL_DISTANCE)
    kept = instead_of == np.arange(len(instead_of))
    after = np.where(kept, 0, in_order[instead_of])
    changed = np.flatnonzero(after != np.array(before, dtype=np.int64)[first])
    ledger.measures.store_near_duplicates(
        (int(in_order[place]), int(after[place]) or None) for place in changed
    )
    findings.inspected = len(in_order)
    findings.near_duplicates = int(np.count_nonzero(~kept))
    findings.constant = int(np.count_nonzero(np.array(constant)[first]))
