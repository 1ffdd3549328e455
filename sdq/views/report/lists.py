"""The sections that list single images and prompts: what failed, what was slow, what was cut and flagged."""

from __future__ import annotations

from db.summaries.values import Summary
from sdq.views.report.clock import day_and_time
from sdq.views.report.markup import Markup, element
from sdq.views.report.pieces import first_of, path_of, place_of, prompt_of, section, short
from sdq.views.report.sentences import retry_commands, worst_concept
from sdq.views.report.tables import Column, table
from sdq.views.words import milliseconds


def causes(summary: Summary) -> Markup | None:
    """Return the failed images by cause, with the commands that queue them again."""
    rows = [
        (
            f"{cause.count:,}",
            element("span", cause.error, class_="error", dir="auto"),
            element("span", *(element("code", command) for command in retry_commands(cause))),
        )
        for cause in summary.causes
    ]
    if not rows:
        return None
    if summary.other_causes:
        rows.append((f"{summary.other_causes:,}", element("span", "Other causes"), Markup()))
    columns = (
        Column("Images"),
        Column("Cause", text=True, wide=True),
        Column("Queue again with", text=True),
    )
    note = (
        "Errors that differ in their numbers only are one cause. The command queues all failed images of the batch, of "
        "whatever cause."
    )
    return section("causes", "Failures", note, table("Failures by cause", columns, rows))


def failed_images(summary: Summary) -> Markup | None:
    """Return the first failed images."""
    rows = [
        (
            place_of(summary, failed.batch_name, failed.entry, failed.seed),
            prompt_of(failed.recipe.prompt),
            element("span", short(failed.error), class_="error", dir="auto"),
            f"{failed.attempts:,}",
        )
        for failed in summary.failed_images
    ]
    columns = (
        Column("Image", text=True),
        Column("Prompt", text=True, wide=True),
        Column("Error", text=True, wide=True),
        Column("Attempts"),
    )
    note = first_of(len(rows), summary.failed)
    if not rows:
        return None
    return section("failed", "Failed images", note, table("Failed images", columns, rows))


def slowest(summary: Summary) -> Markup | None:
    """Return the slowest images; of one there is no slowest."""
    if len(summary.slowest) < 2:
        return None
    mean_ms = summary.times.drawing_ms / summary.times.images or 1.0
    rows = [
        (
            path_of(shown),
            prompt_of(shown.recipe.prompt),
            day_and_time(shown.finished_at),
            milliseconds(shown.drawing_ms),
            f"{shown.drawing_ms / mean_ms:.1f} ×",
        )
        for shown in summary.slowest
    ]
    columns = (
        Column("Image", text=True),
        Column("Prompt", text=True, wide=True),
        Column("Finished"),
        Column("Took"),
        Column("Of the mean"),
    )
    note = f"The mean is {milliseconds(mean_ms)} in the engine."
    return section("slowest", "Slowest images", note, table("Slowest images", columns, rows))


def cut_prompts(summary: Summary) -> Markup | None:
    """Return the first prompts that were cut."""
    rows = [
        (
            place_of(summary, cut.batch_name, cut.entry),
            prompt_of(cut.prompt),
            f"{cut.tokens:,}",
        )
        for cut in summary.cut_prompts
    ]
    columns = (
        Column("Prompt", text=True),
        Column("Text", text=True, wide=True),
        Column("Tokens cut"),
    )
    if not rows:
        return None
    note = "Longer than 77 tokens: the model did not see their ends."
    first = first_of(len(rows), summary.cut_count)
    note = f"{note} {first}" if first else note
    return section("cut", "Cut prompts", note, table("Cut prompts", columns, rows))


def flagged(summary: Summary) -> Markup | None:
    """Return the first images that the safety checker flagged."""
    rows = [
        (
            path_of(shown),
            prompt_of(shown.recipe.prompt),
            worst_concept(shown),
        )
        for shown in summary.flagged
    ]
    columns = (
        Column("Image", text=True),
        Column("Prompt", text=True, wide=True),
        Column("Highest score"),
    )
    if not rows:
        return None
    note = "By the model's safety checker. The pictures above hide them."
    first = first_of(len(rows), summary.times.flagged)
    note = f"{note} {first}" if first else note
    return section("flagged", "Flagged images", note, table("Flagged images", columns, rows))
