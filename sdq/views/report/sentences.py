"""What a summary says: its headline, its figures and what to do next."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from db.summaries.values import Cause, Summary
from db.values import BatchState, BatchStatus, FinishedImage, PausedVariant
from sdq.views.report.clock import day_and_time, stretch, with_year, zones
from sdq.views.words import counted, duration, milliseconds, size

#: Batches whose failed images are named one by one; the rest are counted.
_BATCHES_NAMED = 5


@dataclass(frozen=True, kw_only=True)
class Step:
    """What to do next: why, and the command that does it."""

    sentence: str
    command: str


def title(summary: Summary) -> str:
    """Return what the report is about."""
    return summary.batch.name if summary.batch is not None else "All batches"


def headline(summary: Summary) -> str:
    """Return the outcome in a sentence."""
    batch = summary.batch
    if batch is None or summary.since is not None:
        return _since(summary)
    return batch_headline(batch)


def batch_headline(batch: BatchStatus) -> str:
    """Return the outcome of a whole batch in a sentence."""
    if batch.completed_at is None:
        return f"{_so_far(batch)}{_held(batch)}"
    if not batch.failed:
        return (
            "The image is drawn." if batch.total == 1 else f"All {batch.total:,} images are drawn."
        )
    if not batch.completed:
        return "The image failed." if batch.total == 1 else f"All {batch.total:,} images failed."
    return f"{batch.completed:,} of {batch.total:,} images are drawn, {batch.failed:,} failed."


def when(summary: Summary) -> str:
    """Return from when to when images were settled, with the zone."""
    if summary.first is None or summary.last is None:
        return f"As of {with_year(summary.made_at)} {zones(summary)}"
    if summary.duration_s < 1:
        return f"{with_year(summary.first)} {zones(summary)}"
    took = duration(summary.duration_s)
    return f"{stretch(summary.first, summary.last, year=True)} {zones(summary)}, {took}"


def figures(summary: Summary) -> Sequence[tuple[str, str, str]]:
    """Return the key figures: name, value, and a remark that may be empty."""
    times, batch = summary.times, summary.batch
    of = f"of {batch.total:,}" if batch and summary.since is None else ""
    if summary.drawn_before:
        of = f"{of}, {summary.drawn_before:,} of them {_elsewhere(summary)}".lstrip(", ")
    found = [("Drawn", f"{summary.done:,}", of), ("Failed", f"{summary.failed:,}", "")]
    cancelled = sum(
        _left(p.status) for p in summary.parts if p.status.state is BatchState.CANCELLED
    )
    if left := summary.open - cancelled:
        eta_s = batch.eta_s if batch else None
        found.append(("Left", f"{left:,}", f"about {duration(eta_s)}" if eta_s else ""))
    if cancelled:
        found.append(("Cancelled", f"{cancelled:,}", ""))
    if summary.images_per_hour is not None:
        found.append(("Images per hour", _rate(summary.images_per_hour), "pauses included"))
    if times.images:
        mean = milliseconds(times.drawing_ms / times.images)
        found.append(("Time an image", mean, "mean, in its engine"))
        found.append(("Files", size(times.size_bytes), ""))
    return found


def remarks(summary: Summary) -> Sequence[str]:
    """Return further facts, a sentence each."""
    found = []
    if gap := summary.longest_gap:
        begin, end = gap
        seconds = (end - begin).total_seconds()
        if seconds >= 60:
            found.append(f"The longest pause was {duration(seconds)}, from {stretch(begin, end)}.")
    for one in summary.changed:
        found.append(f"{one.variant} on {one.host} {one.check.finding()}.")
    if summary.times.retried:
        found.append(f"{counted(summary.times.retried, 'image')} needed more than one attempt.")
    if summary.times.flagged:
        found.append(f"The safety checker flagged {counted(summary.times.flagged, 'image')}.")
    if summary.times.constant:
        have = "has" if summary.times.constant == 1 else "have"
        found.append(f"{counted(summary.times.constant, 'image')} {have} one colour only.")
    if summary.times.near_duplicates:
        alike = counted(summary.times.near_duplicates, "image")
        look = "looks" if summary.times.near_duplicates == 1 else "look"
        found.append(f"{alike} {look} like another one, as `sdq inspect` found.")
    return found


def next_steps(summary: Summary, paused: Sequence[PausedVariant]) -> Sequence[Step]:
    """Return what to do about what was paused, failed or is left, the most important first."""
    steps = [
        Step(
            sentence=f"{held.variant} has been paused since {day_and_time(held.since)}: "
            + " ".join(held.reason.split()),
            command=f"sdq resume --variant-key {held.variant.key}",
        )
        for held in paused
    ]
    failed = failed_by_batch(summary)
    for name, number in failed.most_common(_BATCHES_NAMED):
        steps.append(
            Step(
                sentence=f"{counted(number, 'image')} of {name} failed.",
                command=retry_command(name),
            )
        )
    if rest := failed.most_common()[_BATCHES_NAMED:]:
        others = sum(number for _, number in rest)
        sentence = f"{counted(others, 'image')} of {len(rest):,} more batches failed."
        steps.append(Step(sentence=sentence, command="sdq status"))
    for part in summary.parts:
        left = _left(part.status)
        if left and part.status.state is BatchState.PAUSED:
            sentence = f"{part.status.name} is paused with {counted(left, 'image')} left."
            command = f"sdq resume {_argument(part.status.name)}"
            steps.append(Step(sentence=sentence, command=command))
    waiting = [part.status for part in summary.parts if _waits(part.status)]
    if waiting and not any(status.images_per_hour for status in waiting):
        still = counted(sum(map(_left, waiting)), "image")
        begun = any(status.started_at for status in waiting)
        lately = "Hardly any was drawn in the last 15 minutes." if begun else "None is drawn yet."
        sentence = f"Still to draw: {still}. {lately}"
        steps.append(Step(sentence=sentence, command="sdq worker"))
    return steps


def failed_by_batch(summary: Summary) -> Counter[str]:
    """Return how many images failed, by batch."""
    if summary.batch is not None:
        return Counter({summary.batch.name: summary.failed} if summary.failed else {})
    return Counter({part.status.name: part.failed for part in summary.parts if part.failed})


def retry_command(batch_name: str) -> str:
    """Return the command that queues a batch's failed images again."""
    return f"sdq retry {_argument(batch_name)}"


def retry_commands(cause: Cause) -> Sequence[str]:
    """Return the commands that queue the images of a cause again, with all others of their batches."""
    names = sorted(cause.images, key=lambda name: -cause.images[name])
    return [retry_command(name) for name in names[:_BATCHES_NAMED]]


def sample_rule(summary: Summary) -> str:
    """Return how the shown images were chosen."""
    shown = len(summary.sample)
    if shown >= summary.done:
        return "The finished image." if shown == 1 else f"All {shown:,} finished images."
    return (
        f"{shown:,} of {summary.done:,} finished images, at even distances in the order of batches, prompts and "
        "seeds, so that each part of the list has its share."
    )


def worst_concept(shown: FinishedImage) -> str:
    """Return the concept with the highest score of a flagged image, with the score."""
    scores = shown.image.concept_scores
    if not scores:
        return "no scores"
    name = max(scores, key=lambda concept: scores[concept])
    return f"{name} {scores[name]:+.3f}"


def _since(summary: Summary) -> str:
    assert summary.since is not None  # of a whole batch, the headline says other things
    this_year = summary.since.astimezone().year == summary.made_at.astimezone().year
    since = f"since {(day_and_time if this_year else with_year)(summary.since)}"
    if not summary.done and not summary.failed:
        return f"Nothing was drawn {since}."
    if not summary.done:
        return f"Nothing was drawn {since}: {counted(summary.failed, 'image')} failed."
    failed = f", and {summary.failed:,} failed" if summary.failed else ""
    was = "was" if summary.done == 1 else "were"
    return f"{counted(summary.done, 'image')} {was} drawn {since}{failed}."


def _so_far(batch: BatchStatus) -> str:
    if not batch.completed and not batch.failed:
        return f"Nothing is drawn yet of {counted(batch.total, 'image')}."
    failed = f", {batch.failed:,} failed" if batch.failed else ""
    return f"{batch.completed:,} of {batch.total:,} images are drawn so far{failed}."


def _held(batch: BatchStatus) -> str:
    if batch.state is BatchState.ACTIVE:
        return f" About {duration(batch.eta_s)} left." if batch.eta_s else ""
    return f" The batch is {batch.state}."


def _elsewhere(summary: Summary) -> str:
    return "for another batch" if summary.since is None else "before or for another batch"


def _argument(batch_name: str) -> str:
    """Return a batch's name as a shell takes it, also one that looks like an option."""
    return f"{'-- ' if batch_name.startswith('-') else ''}{shlex.quote(batch_name)}"


def _left(status: BatchStatus) -> int:
    return status.total - status.completed - status.failed


def _waits(status: BatchStatus) -> bool:
    return status.completed_at is None and status.state is BatchState.ACTIVE


def _rate(images_per_hour: float) -> str:
    return f"{images_per_hour:,.0f}" if images_per_hour >= 100 else f"{images_per_hour:.1f}"
