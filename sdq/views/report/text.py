"""A summary as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from db.summaries.values import Cause, Summary
from db.values import PausedVariant
from sdq.views.report.clock import bars, clock, day_and_time, step_words
from sdq.views.report.sentences import (
    figures,
    headline,
    next_steps,
    remarks,
    title,
    when,
    worst_concept,
)
from sdq.views.report.stages import stages
from sdq.views.status import status_word
from sdq.views.table import table_lines
from sdq.views.words import milliseconds
from sdq_core.printable import printable

_MOST_ROWS = 14
_BAR_COLUMNS = 30
_PROMPT_CHARS = 60


def report_lines(
    summary: Summary, paused: Sequence[PausedVariant], *, bar: str = "#"
) -> Sequence[str]:
    """Return the lines of the report; those of its titles end with a colon. bar: the character of bars."""
    lines = [f"{title(summary)}: {headline(summary)}", when(summary), ""]
    lines += [
        f"{name:<16} {value:>10}  {remark}".rstrip() for name, value, remark in figures(summary)
    ]
    if said := remarks(summary):
        lines += ["", *said]
    for heading, found in (
        ("Next", _next(summary, paused)),
        ("Batches", _batches(summary)),
        (_throughput_title(summary), _throughput(summary, bar)),
        ("Time per stage", _stages(summary, bar)),
        ("Drawn by", _drawn_by(summary)),
        ("Failed, by cause", _causes(summary.causes, summary.other_causes)),
        ("Failed images", _failed(summary)),
        ("Slowest images", _slowest(summary)),
        ("Prompts longer than 77 tokens, whose ends the model did not see", _cut(summary)),
        ("Flagged by the safety checker", _flagged(summary)),
    ):
        if section := list(found):
            lines += ["", f"{heading}:", *(f"  {line}" for line in section)]
    return [printable(line) for line in lines]


def _next(summary: Summary, paused: Sequence[PausedVariant]) -> Iterator[str]:
    for step in next_steps(summary, paused):
        yield step.sentence
        yield f"  {step.command}"


def _batches(summary: Summary) -> Sequence[str]:
    if summary.batch is not None or not summary.parts:
        return ()
    rows = [
        (
            part.status.name,
            status_word(part.status),
            f"{part.done:,}",
            f"{part.failed:,}" if part.failed else "",
            f"{part.status.total - part.status.completed - part.status.failed:,}",
            f"{part.status.total:,}",
        )
        for part in summary.parts
    ]
    return table_lines([("batch", "status", "drawn", "failed", "left", "of"), *rows], texts=2)


def _throughput_title(summary: Summary) -> str:
    return f"Images each {step_words(bars(summary, _MOST_ROWS)[0])}"


def _throughput(summary: Summary, bar: str) -> Sequence[str]:
    step_s, found = bars(summary, _MOST_ROWS)
    if len(found) < 2:
        return ()
    most = max(one.done + one.failed for one in found)
    rows = [
        (
            clock(one.begin, step_s),
            bar * round((one.done + one.failed) / most * _BAR_COLUMNS),
            f"{one.done:,}",
            f"{one.failed:,} failed" if one.failed else "",
        )
        for one in found
    ]
    return table_lines([("from", "", "drawn", ""), *rows], texts=2)


def _stages(summary: Summary, bar: str) -> Sequence[str]:
    found = stages(summary.times)
    if not found:
        return ()
    rows = [
        (
            stage.name,
            "beside" if stage.share is None else bar * round(stage.share * _BAR_COLUMNS),
            milliseconds(stage.mean_ms),
            milliseconds(stage.total_ms),
            "" if stage.share is None else f"{stage.share:.1%}",
        )
        for stage in found
    ]
    return table_lines([("stage", "", "an image", "in all", "share"), *rows], texts=2)


def _drawn_by(summary: Summary) -> Sequence[str]:
    if not summary.drawn_by:
        return ()
    rows = [
        (
            str(one.variant),
            one.host,
            f"{one.times.images:,}",
            milliseconds(one.times.drawing_ms / one.times.images),
            f"{one.engines:,}",
        )
        for one in summary.drawn_by
    ]
    return table_lines([("variant", "machine", "images", "an image", "engines"), *rows], texts=2)


def _causes(causes: Sequence[Cause], others: int) -> Iterator[str]:
    for cause in causes:
        yield f"{cause.count:,} x {cause.error}"
    if others:
        yield f"{others:,} of other causes"


def _failed(summary: Summary) -> Iterator[str]:
    for failed in summary.failed_images:
        yield (
            f"{failed.batch_name} prompt {failed.entry} seed {failed.seed}, {failed.attempts} attempt(s): "
            f"{_short(failed.recipe.prompt)}"
        )
    if summary.failed > len(summary.failed_images):
        yield f"and {summary.failed - len(summary.failed_images):,} more"


def _slowest(summary: Summary) -> Sequence[str]:
    if not summary.slowest:
        return ()
    mean = summary.times.drawing_ms / summary.times.images or 1.0
    rows = [
        (
            shown.image.path,
            day_and_time(shown.finished_at),
            milliseconds(shown.drawing_ms),
            f"{shown.drawing_ms / mean:.1f} x mean",
        )
        for shown in summary.slowest
    ]
    return table_lines([("image", "finished", "took", ""), *rows], texts=2)


def _cut(summary: Summary) -> Iterator[str]:
    for cut in summary.cut_prompts:
        tokens = "1 token" if cut.tokens == 1 else f"{cut.tokens} tokens"
        yield f"{cut.batch_name} prompt {cut.entry}, {tokens} cut: {_short(cut.prompt)}"
    if summary.cut_count > len(summary.cut_prompts):
        yield f"and {summary.cut_count - len(summary.cut_prompts):,} more"


def _flagged(summary: Summary) -> Iterator[str]:
    for shown in summary.flagged:
        yield f"{shown.image.path}: {worst_concept(shown)}"
    if summary.times.flagged > len(summary.flagged):
        yield f"and {summary.times.flagged - len(summary.flagged):,} more"


def _short(prompt: str) -> str:
    text = " ".join(prompt[: 2 * _PROMPT_CHARS].split())
    return text if len(text) <= _PROMPT_CHARS else f"{text[: _PROMPT_CHARS - 3]}..."
