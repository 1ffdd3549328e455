"""What is to be told of a batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sdq_core.values.receivers import Receivers


class NoticeEvent(StrEnum):
    """What a notice tells of a batch."""

    STARTED = "started"
    COMPLETED = "completed"
    PAUSED = "paused"


@dataclass(frozen=True, kw_only=True)
class Notice:
    """What is to be told of a batch.

    batch_id, batch_name, batch_created_at: the batch, and when it was submitted first; UTC.
    happened_at: when it began or ended, or when its variant was paused; UTC.
    receivers: those that the batch names.
    claimed_by: the worker that sends it, None for none yet.
    outcomes: receiver -> what came of it, of those that are dealt with.
    is_finished: whether nothing of it is left to be told.
    round: how often the batch had ended before.
    """

    id: int
    batch_id: int
    batch_name: str
    batch_created_at: datetime
    event: NoticeEvent
    happened_at: datetime
    receivers: Receivers
    claimed_by: str | None
    outcomes: Mapping[str, str]
    is_finished: bool
    round: int
