"""How a batch stands, in a form that stays as it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal, cast

if TYPE_CHECKING:
    from db.values import BatchStatus

State = Literal["queued", "in_progress", "paused", "cancelled", "completed"]


@dataclass(frozen=True, kw_only=True)
class Status:
    """A batch as it stood at one moment.

    id, name: the batch.
    state: `queued` until its first image is drawn, `in_progress`, `paused`, `cancelled`, or `completed`, also if some
    images failed.
    total: images that it asks for.
    completed: images that are drawn.
    failed: images that were given up; `Batch.failures` says why, `Batch.retry` queues them again.
    images_per_hour: its pace, None if nothing of it was drawn recently.
    eta_s: time left at that pace, s; 0 if nothing is left, None if it is not known.
    eta_range_s: the same at the pace of its fastest and of its slowest images; None likewise.
    created_at, started_at, completed_at: UTC; the last two are None until then.
    priority: `high`, `normal` or `low`.
    at_front: it is drawn before all others of its priority.
    source: the prompt files, or `--prompt` for prompts that were given by hand.
    """

    id: int
    name: str
    state: State
    total: int
    completed: int
    failed: int
    images_per_hour: float | None
    eta_s: float | None
    eta_range_s: tuple[float, float] | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    priority: str
    at_front: bool
    source: str

    @property
    def waiting(self) -> int:
        """Images that are neither drawn nor given up."""
        return self.total - self.completed - self.failed

    @property
    def is_over(self) -> bool:
        """Whether nothing more is drawn of it, as it stands: it is completed or cancelled."""
        return self.state in {"completed", "cancelled"}

    def __str__(self) -> str:
        failed = f", {self.failed:,} failed" if self.failed else ""
        return f"{self.completed:,} of {self.total:,} images drawn{failed}"


def public(status: BatchStatus) -> Status:
    """Return a batch's status as Python's users have it."""
    from sdq.views.status import status_word

    return Status(
        id=status.id,
        name=status.name,
        state=cast(State, status_word(status)),
        total=status.total,
        completed=status.completed,
        failed=status.failed,
        images_per_hour=status.images_per_hour,
        eta_s=status.eta_s,
        eta_range_s=status.eta_range_s,
        created_at=status.created_at,
        started_at=status.started_at,
        completed_at=status.completed_at,
        priority=str(status.rank.priority),
        at_front=status.rank.place > 0,
        source=status.source,
    )
