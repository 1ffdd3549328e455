"""The list of batches: what there is, rather than how it is going."""

from __future__ import annotations

from collections.abc import Sequence

from db.values import BatchStatus
from sdq.views.status import NO_BATCHES, standing
from sdq.views.table import table_lines
from sdq.views.words import local_time

_TITLES = ("batch", "status", "submitted", "images", "done", "failed")


def batch_lines(statuses: Sequence[BatchStatus], *, width: int | None) -> list[str]:
    """Return a table of batches. width: columns of the terminal, None for no terminal."""
    if not statuses:
        return [NO_BATCHES]
    rows = [
        (
            status.name,
            standing(status),
            local_time(status.created_at),
            f"{status.total:,}",
            f"{status.completed:,}",
            f"{status.failed:,}" if status.failed else "",
        )
        for status in statuses
    ]
    return table_lines([_TITLES, *rows], texts=3, width=width)
