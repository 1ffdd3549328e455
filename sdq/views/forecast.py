"""What a submission will cost: time and space on the disk, from what this ledger's own images took."""

from __future__ import annotations

import contextlib
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from db.estimates import RecentImages
from db.ledger import Ledger
from db.values import BatchPlan, PlannedEntry, Submission
from sdq.views.share import Share, Span, share_of, span_as_dict
from sdq.views.space import Space, space_for
from sdq_core.settings import Settings
from sdq_core.values.variants import RecipeVariant


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """The expected cost of what a submission adds. shares: by variant, in the order in which the plan has them."""

    shares: Sequence[Share]
    space: Space

    @property
    def known_span(self) -> Span:
        """The time with one worker of those shares of which it is known."""
        return sum((share.span for share in self.shares if share.span), Span())

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        is_known = all(share.span for share in self.shares)
        return {
            **span_as_dict(self.known_span if is_known else None),
            "variants": [share.to_dict() for share in self.shares],
            **self.space.to_dict(),
        }


def forecast(
    ledger: Ledger | None,
    plan: BatchPlan,
    submission: Submission,
    settings: Settings,
    *,
    suffix: str,
    stored: bool,
) -> Forecast:
    """Estimate what the new images of a submission cost.

    ledger: None for one that cannot be asked: then times are not known, and space has a bound.
    plan: what was submitted.
    suffix: the ending of its files.
    stored: the submission is in the ledger, not only tried.
    """
    images_of: defaultdict[RecipeVariant, Counter[int]] = defaultdict(Counter)
    sizes: Counter[tuple[str, int, int]] = Counter()
    for (variant, steps, width, height), images in _kinds(plan, submission).items():
        images_of[variant][steps] += images
        sizes[variant.model, width, height] += images
    recent, waiting = RecentImages(()), 0
    if ledger is not None and sizes:
        recent = ledger.estimates.recent()
        counted = submission.images_new if stored else 0
        waiting = max(0, ledger.estimates.waiting_images() - counted)
    return Forecast(
        shares=[share_of(variant, counts, recent, ledger) for variant, counts in images_of.items()],
        space=space_for(sizes, waiting=waiting, suffix=suffix, recent=recent, settings=settings),
    )


@contextlib.contextmanager
def empty_ledger() -> Iterator[Ledger]:
    """Yield a temporary ledger to try a plan on, for when there is none yet."""
    with (
        tempfile.TemporaryDirectory(prefix="sdq-forecast-") as folder,
        Ledger.open(f"sqlite:///{Path(folder) / 'empty.db'}") as ledger,
    ):
        yield ledger


#: Variant, steps that are taken, width and height: images of which all are the same cost the same.
_Kind = tuple[RecipeVariant, int, int, int]


def _kinds(plan: BatchPlan, submission: Submission) -> Counter[_Kind]:
    """Count a submission's new images by kind, in the order of the plan."""
    counts: Counter[_Kind] = Counter()
    new = zip(plan.entries, submission.new_of, strict=True) if submission.images_new else ()
    # Most entries are like the one before: by groups they are counted in a fifth of the time.
    for kind, same in groupby(new, _kind_of):
        if images := sum(count for _, count in same):
            counts[kind] += images
    return counts


def _kind_of(planned: tuple[PlannedEntry, int]) -> _Kind:
    recipe = planned[0].recipe
    steps = recipe.conditions.steps_taken(recipe.scheduler, recipe.num_inference_steps)
    return recipe.variant, steps, recipe.width, recipe.height
