"""What a submission would cost: images, time (from this ledger's own timings) and disk space."""

from __future__ import annotations

import contextlib
import tempfile
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from db.ledger import Ledger
from db.values import BatchPlan
from sdq.views.status import describe_rank
from sdq.views.words import counted, duration, size
from sdq_core.values.order import Priority, Rank
from sdq_core.values.variants import RecipeVariant


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """The expected cost of a submission.

    images_new, images_known, images_drawn: to draw, submitted before, and already drawn.
    images_replaced: of the batch, which could no longer be drawn, and which would be taken out.
    drawing_s: seconds of drawing with one worker, None if the ledger has no similar images yet.
    disk_bytes: None likewise.
    priority, at_front: the batch's place in the order.
    """

    batch: str
    images_new: int
    images_known: int
    images_drawn: int
    images_replaced: int
    slices: int
    drawing_s: float | None
    disk_bytes: float | None
    priority: Priority
    at_front: bool

    def describe(self) -> str:
        """Return it as text for people."""
        time = (
            "unknown (nothing similar has been drawn here yet)"
            if self.drawing_s is None
            else f"about {duration(self.drawing_s)} with one worker"
        )
        disk = "unknown" if self.disk_bytes is None else f"about {size(self.disk_bytes)}"
        replaced = (
            f", in place of {self.images_replaced:,} that could no longer be drawn"
            if self.images_replaced
            else ""
        )
        rank = Rank(priority=self.priority, place=int(self.at_front))
        return (
            f"Batch {self.batch}: {counted(self.images_new, 'image')} to draw in {counted(self.slices, 'slice')}"
            f" ({self.images_known:,} submitted before, {self.images_drawn:,} already drawn){replaced}.\n"
            f"Time: {time}. Disk: {disk}. Drawn {describe_rank(rank)}.\nNothing was stored or queued."
        )


def forecast(ledger: Ledger, plan: BatchPlan, outdated: Collection[RecipeVariant] = ()) -> Forecast:
    """Try the plan on the ledger without storing it, and estimate time and disk space for what is new.

    outdated: variants that can no longer be drawn.
    """
    instead_of = ledger.submissions.replaceable(plan, outdated)
    preview = ledger.submissions.preview(plan, instead_of=instead_of)
    planned = sum(len(entry.seeds) for entry in plan.entries)
    share_new = preview.images_new / planned if planned else 0.0
    images_of: Counter[tuple[RecipeVariant, int]] = Counter()
    pixels: Counter[tuple[int, int]] = Counter()
    for entry in plan.entries:
        recipe = entry.recipe
        images_of[recipe.variant, recipe.num_inference_steps] += len(entry.seeds)
        pixels[recipe.width, recipe.height] += len(entry.seeds)
    times = [
        (ledger.estimates.image_ms(variant, steps), n) for (variant, steps), n in images_of.items()
    ]
    sizes = [
        (ledger.estimates.image_bytes(width, height), n) for (width, height), n in pixels.items()
    ]
    return Forecast(
        batch=preview.batch_name,
        images_new=preview.images_new,
        images_known=preview.images_known,
        images_drawn=preview.images_drawn,
        images_replaced=preview.images_replaced,
        slices=preview.slices_new,
        drawing_s=_total([(None if ms is None else ms / 1000, n) for ms, n in times], share_new),
        disk_bytes=_total(sizes, share_new),
        priority=preview.rank.priority,
        at_front=preview.rank.place > 0,
    )


@contextlib.contextmanager
def empty_ledger() -> Iterator[Ledger]:
    """Yield a temporary ledger to try a plan on, for when there is none yet."""
    with (
        tempfile.TemporaryDirectory(prefix="sdq-forecast-") as folder,
        Ledger.open(f"sqlite:///{Path(folder) / 'empty.db'}") as ledger,
    ):
        yield ledger


def _total(costs: list[tuple[float | None, int]], share: float) -> float | None:
    known = [cost * count for cost, count in costs if cost is not None]
    return sum(known) * share if len(known) == len(costs) else None
