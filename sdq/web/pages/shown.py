"""What a page shows of an image, a batch or a cause: texts and addresses, ready for a template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from db.browsing import Tile
from db.values import BatchState, BatchStatus, FinishedImage, ImageStatus
from sdq.views.status import status_word
from sdq.views.words import time_range
from sdq.web.pictures import thumbnail_address
from sdq_core.values.order import Priority
from sdq_core.values.recipes import Recipe

_WORDS = {
    None: "queued",
    ImageStatus.DRAWING: "drawing",
    ImageStatus.FAILED: "failed",
    ImageStatus.DONE: "done",
}


@dataclass(frozen=True, kw_only=True)
class ShownImage:
    """An image in its place.

    word: how it stands. address, thumbnail: below the root; None for no picture. embedded: the thumbnail itself, as a
    `data:` address; empty where the browser asks for it. id: of one that is finished. mark: its word, empty for none.
    """

    batch_id: int
    entry: int
    seed: int
    prompt: str
    width: int
    height: int
    word: str
    thumbnail: str | None = None
    embedded: str = ""
    flagged: bool = False
    error: str | None = None
    id: int | None = None
    mark: str = ""

    @property
    def key(self) -> str:
        """The id of its element."""
        return tile_key(self.batch_id, self.entry, self.seed)

    @property
    def address(self) -> str:
        """Its own page, below the root."""
        return f"/batches/{self.batch_id}/{self.entry}/{self.seed}"


def tile_key(batch_id: int, entry: int, seed: int) -> str:
    """Return the id of the element that shows an image in its place."""
    return f"t-{batch_id}-{entry}-{seed}"


def shown_tile(tile: Tile, batch_id: int, recipe: Recipe) -> ShownImage:
    """Show an image of an entry, drawn or not."""
    is_done = tile.id is not None and tile.pixels_sha256 is not None
    return ShownImage(
        batch_id=batch_id,
        entry=tile.entry,
        seed=tile.seed,
        prompt=recipe.prompt,
        width=recipe.width,
        height=recipe.height,
        word=_WORDS[tile.status],
        thumbnail=thumbnail_address(tile.id or 0, tile.pixels_sha256 or "") if is_done else None,
        flagged=bool(tile.nsfw_flagged),
        error=tile.error,
        id=tile.id if is_done else None,
        mark=tile.mark or "",
    )


def shown_image(image: FinishedImage, batch_id: int) -> ShownImage:
    """Show a finished image."""
    return ShownImage(
        batch_id=batch_id,
        entry=image.entry,
        seed=image.seed,
        prompt=image.recipe.prompt,
        width=image.recipe.width,
        height=image.recipe.height,
        word=_WORDS[ImageStatus.DONE],
        thumbnail=thumbnail_address(image.id, image.image.pixels_sha256),
        flagged=bool(image.image.nsfw_flagged),
        id=image.id,
        mark=image.mark or "",
    )


@dataclass(frozen=True, kw_only=True)
class ShownBatch:
    """How a batch stands. rate, left: empty if they are not known. actions: what can be done with it."""

    id: int
    name: str
    word: str
    notes: Sequence[str]
    total: int
    done: int
    failed: int
    percent: str
    rate: str
    left: str
    priority: str
    submitted: str
    actions: frozenset[str]

    @property
    def address(self) -> str:
        """Its page, below the root."""
        return f"/batches/{self.id}"

    @property
    def settled(self) -> int:
        """How many of its images are done or given up."""
        return self.done + self.failed


def shown_batch(status: BatchStatus) -> ShownBatch:
    """Show a batch."""
    is_open = not status.completed_at and status.state is not BatchState.CANCELLED
    notes = []
    if is_open and status.rank.priority is not Priority.NORMAL:
        notes.append(f"{status.rank.priority} priority")
    if is_open and status.rank.place:
        notes.append("at the front")
    moves = is_open and status.state is BatchState.ACTIVE
    return ShownBatch(
        id=status.id,
        name=status.name,
        word=status_word(status).replace("_", " "),
        notes=notes,
        total=status.total,
        done=status.completed,
        failed=status.failed,
        percent=_percent(status.completed + status.failed, status.total),
        rate=_rate(status.images_per_hour) if moves else "",
        left=time_left(status.eta_s, status.eta_range_s) if moves else "",
        priority=str(status.rank.priority),
        submitted=to_the_minute(status.created_at),
        actions=_actions(status, is_open=is_open),
    )


def time_left(eta_s: float | None, range_s: tuple[float, float] | None) -> str:
    """Return a time as a range where its spread is known; empty if it is not known at all."""
    if eta_s is None:
        return ""
    return time_range(*(range_s or (eta_s, eta_s)))


def to_the_minute(moment: datetime) -> str:
    """Return a time in this machine's zone, as `26 Nov 2026, 02:51`."""
    local = moment.astimezone()
    return f"{local.day} {local:%b %Y, %H:%M}"


def _rate(per_hour: float | None) -> str:
    return "" if per_hour is None else f"{per_hour:,.{1 if per_hour < 100 else 0}f}"


def _percent(settled: int, total: int) -> str:
    share = settled / total if total else 1.0
    # Only what is completely finished shows 100 %.
    return f"{100 if share == 1 else min(int(share * 100), 99)} %"


def _actions(status: BatchStatus, *, is_open: bool) -> frozenset[str]:
    found = set()
    if is_open:
        found |= {"cancel", "priority"}
        found.add("pause" if status.state is BatchState.ACTIVE else "resume")
        if not status.rank.place:
            found.add("front")
    elif status.state is BatchState.CANCELLED and not status.completed_at:
        found.add("resume")
    if status.failed:
        found.add("retry")
    return frozenset(found)
