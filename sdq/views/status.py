"""Batches as a table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from db.values import BatchState, BatchStatus, FailedImage, PausedVariant
from sdq.views.table import table_lines
from sdq.views.words import duration
from sdq_core.printable import printable
from sdq_core.values.order import Priority, Rank

NO_BATCHES = "No batches yet. Start with: sdq submit prompts.txt --seed-range 0-99"

_CUT_SHOWN = 10
_TITLES = ("batch", "status", "done", "of", "%", "failed", "images/h", "left")


def status_word(status: BatchStatus) -> str:
    """Return a batch's state, in OpenAI's words if they fit."""
    if status.completed_at:
        return "completed"
    if status.state is not BatchState.ACTIVE:
        return str(status.state)
    return "in_progress" if status.started_at else "queued"


def standing(status: BatchStatus) -> str:
    """Return a batch's state, with its place in the order while that matters and is not the ordinary one."""
    word, rank = status_word(status), status.rank
    if status.completed_at or rank == Rank():
        return word
    places = [] if rank.priority is Priority.NORMAL else [str(rank.priority)]
    return ", ".join([word, *places, *(["front"] if rank.place else [])])


def describe_rank(rank: Rank) -> str:
    """Return where a batch of a rank is drawn, behind a verb."""
    where = "at the front of" if rank.place else "taking turns with others of"
    return f"{where} {rank.priority} priority"


def status_lines(
    statuses: Sequence[BatchStatus],
    failures: Sequence[FailedImage],
    paused: Sequence[PausedVariant],
    cut: Sequence[int] = (),
) -> list[str]:
    """Return a table of batches, then the failed images and the cut prompts of one, and the paused variants."""
    if statuses:
        rows = [(status.name, standing(status), *_numbers(status)) for status in statuses]
        lines = table_lines([_TITLES, *rows], texts=2)
    else:
        lines = [NO_BATCHES]
    lines += [
        f"failed: prompt {failure.entry} seed {failure.seed} after {failure.attempts} attempt(s): {failure.error}"
        for failure in failures
    ]
    if cut:
        lines.append(describe_cut(cut))
    return [printable(line) for line in [*lines, *paused_lines(paused)]]


def paused_lines(paused: Sequence[PausedVariant]) -> list[str]:
    """Return which variants are paused, why, and how to go on."""
    return [
        line
        for held in paused
        for line in (
            f"paused: {held.variant}: {held.reason}",
            f"  resume it with: sdq resume --variant-key {held.variant.key}",
        )
    ]


def describe_cut(entries: Sequence[int]) -> str:
    """Return a sentence about a batch's prompts that were longer than the model reads."""
    which = ", ".join(map(str, entries[:_CUT_SHOWN])) + (", ..." if entries[_CUT_SHOWN:] else "")
    if len(entries) == 1:
        return f"Prompt {which} is longer than 77 tokens: the model did not see its end."
    return f"{len(entries):,} prompts are longer than 77 tokens, and the model did not see their ends: {which}."


def _numbers(status: BatchStatus) -> tuple[str, ...]:
    percent = 100 * (status.completed + status.failed) / status.total if status.total else 100.0
    left = "" if status.completed_at or status.eta_s is None else duration(status.eta_s)
    rate = status.images_per_hour
    return (
        f"{status.completed:,}",
        f"{status.total:,}",
        # Only a completely finished batch shows 100 %.
        f"{percent:.0f}" if percent in {0, 100} else f"{min(percent, 99.9):.1f}",
        f"{status.failed:,}" if status.failed else "",
        "" if rate is None else f"{rate:,.0f}",
        left,
    )


def rfc3339(moment: datetime | None) -> str | None:
    """Return a time for JSON: RFC 3339, in UTC, to the second."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
