"""Scores how well finished images show their prompts, with a CLIP model.

Scores are stored every few seconds, so an interrupted scoring is resumed by the next. Memory does not grow with the
images. One picture is scored at a time, in a thread that lets others go first, while the next ones are read; so do the
threads that the runtime starts from it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from numpy.typing import NDArray

from db.ledger import Ledger
from db.scores import PromptedFile
from sdq.upkeep.pictures import Scope, Unfit, look_at, readers
from sdq_core.images.root import OutputRoot
from sdq_core.models.scoring import ScoringModel
from worker.quality.clip import ClipScorer
from worker.runtimes.contract import Runtime

#: How often scores are stored, s; and how many images at most.
_STORE_EVERY_S = 2.0
_STORE_AT_ONCE = 500


@dataclass(kw_only=True)
class ScoringFindings:
    """What a scoring did.

    model: name and revision of the model.
    seconds: how long it took, with loading the model.
    scored: images that got a score now.
    without: paths of images of which the model gives NaN.
    unfit: the files that could not be looked at, by the reason; paths relative to the output folder.
    """

    model: str
    seconds: float = 0.0
    scored: int = 0
    without: list[str] = field(default_factory=list)
    unfit: dict[Unfit, list[str]] = field(default_factory=lambda: {why: [] for why in Unfit})


def score(
    ledger: Ledger,
    root: OutputRoot,
    scopes: Sequence[Scope],
    *,
    model: ScoringModel,
    runtime: Runtime,
    threads: int,
    on_start: Callable[[int], None] = lambda _total: None,
    on_image: Callable[[], None] = lambda: None,
) -> ScoringFindings:
    """Score the images that this model has not scored, also those that another one has.

    threads: how many files are read at once.
    on_start: called with the number of images to score, before the model is loaded.
    on_image: called for each of them.

    Raise as `ClipScorer` does, and StorageError if there are images to score and their root is absent, also if it
    vanishes in the middle.
    """
    findings = ScoringFindings(model=model.key)
    began = time.monotonic()
    total = sum(1 for scope in scopes for _ in ledger.scores.unscored(scope, model.key))
    on_start(total)
    if not total:
        return findings
    root.require()
    with readers(threads) as pool, readers(1) as alone:
        scorer = alone.submit(ClipScorer, model, runtime).result()
        for scope in scopes:
            files = ledger.scores.unscored(scope, model.key)
            seen = look_at(files, root, scorer.prepare, pool, 2 * threads)
            found: list[tuple[PromptedFile, float | None]] = []
            stored_at = time.monotonic()
            for file, value in _scored(seen, scorer, alone):
                if isinstance(value, Unfit):
                    findings.unfit[value].append(file.path)
                else:
                    found.append((file, value))
                    findings.scored += value is not None
                    if value is None:
                        findings.without.append(file.path)
                on_image()
                if len(found) >= _STORE_AT_ONCE or time.monotonic() - stored_at > _STORE_EVERY_S:
                    ledger.scores.store(found, model.key)
                    found.clear()
                    stored_at = time.monotonic()
            ledger.scores.store(found, model.key)
    findings.seconds = time.monotonic() - began
    return findings


def _scored(
    seen: Iterator[tuple[PromptedFile, NDArray[Any] | Unfit]],
    scorer: ClipScorer,
    alone: ThreadPoolExecutor,
) -> Iterator[tuple[PromptedFile, float | Unfit | None]]:
    for file, prepared in seen:
        if isinstance(prepared, Unfit):
            yield file, prepared
        else:
            yield file, alone.submit(partial(scorer.score, prepared, file.prompt)).result()
