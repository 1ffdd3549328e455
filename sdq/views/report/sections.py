"""The sections of the page, each with its heading and a note at the side. Those that are empty are left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from db.summaries.values import Summary
from sdq.views.report import lists
from sdq.views.report.charts import share_bar, throughput_chart
from sdq.views.report.clock import bars, clock, step_words
from sdq.views.report.markup import Markup, element
from sdq.views.report.pieces import section
from sdq.views.report.sheet import contact_sheet
from sdq.views.report.stages import stages
from sdq.views.report.tables import Column, table
from sdq.views.status import status_word
from sdq.views.words import duration, milliseconds
from sdq_core.images.fitted import Thumbnail

_MOST_BARS = 60
_MOST_ROWS = 14


def sections(
    summary: Summary,
    pictures: Mapping[str, Thumbnail],
    no_pictures: str | None,
    *,
    address: Callable[[int], str] | None = None,
) -> Iterator[Markup | None]:
    """Yield the sections.

    pictures: of the sample, by path. no_pictures: why none could be read.
    address: the page of the batch with an id, None if there is none.
    """
    yield _batches(summary, address)
    yield _throughput(summary)
    yield contact_sheet(summary, pictures, no_pictures)
    yield _stages(summary)
    yield _drawn_by(summary)
    yield lists.causes(summary)
    yield lists.failed_images(summary)
    yield lists.slowest(summary)
    yield lists.cut_prompts(summary)
    yield lists.flagged(summary)


def _batches(summary: Summary, address: Callable[[int], str] | None) -> Markup | None:
    if summary.batch is not None or not summary.parts:
        return None
    rows = [
        (
            element("a", part.status.name, href=address(part.status.id), dir="auto")
            if address
            else part.status.name,
            status_word(part.status).replace("_", " "),
            f"{part.done:,}",
            f"{part.failed:,}",
            f"{part.status.total - part.status.completed - part.status.failed:,}",
            f"{part.status.total:,}",
        )
        for part in summary.parts
    ]
    columns = (
        Column("Batch", text=True),
        Column("Status", text=True),
        *map(Column, ("Drawn", "Failed", "Left", "Of")),
    )
    note = "Drawn and failed in this time; left and of count the whole batch."
    return section("batches", "Batches", note, table("Batches", columns, rows))


def _throughput(summary: Summary) -> Markup | None:
    step_s, fine = bars(summary, _MOST_BARS)
    if len(fine) < 2:
        return None
    row_s, coarse = bars(summary, _MOST_ROWS)
    rows = [
        (clock(bar.begin, row_s), f"{bar.done:,}", f"{bar.failed:,}" if bar.failed else "")
        for bar in coarse
    ]
    columns = (Column("From", text=True), Column("Drawn"), Column("Failed"))
    caption = f"Images each {step_words(row_s)}"
    chart = element(
        "figure",
        element(
            "figcaption",
            element("span", f"Images each {step_words(step_s)}", class_="unit"),
            element("span", "drawn", class_="key done") if summary.done else None,
            element("span", "failed", class_="key failed") if summary.failed else None,
        ),
        element("div", throughput_chart(summary, fine, step_s), class_="plot"),
    )
    both = element(
        "div", chart, table(caption, columns, rows, show_caption=True), class_="chart-and-table"
    )
    return section("throughput", "Throughput", None, both)


def _stages(summary: Summary) -> Markup | None:
    found = stages(summary.times)
    if not found:
        return None
    drawing_ms = summary.times.drawing_ms or 1.0
    rows = [
        (
            stage.name,
            share_bar(stage.total_ms / drawing_ms, beside=stage.share is None),
            milliseconds(stage.mean_ms),
            milliseconds(stage.total_ms),
            "beside" if stage.share is None else f"{stage.share:.1%}",
        )
        for stage in found
    ]
    columns = (
        Column("Stage", text=True),
        Column("Share of the engines' time", bars=True),
        Column("An image"),
        Column("In all"),
        Column("Share"),
    )
    calls = summary.times.unet_calls
    note = "Files are encoded and saved beside the engine, while it draws the next image."
    if summary.times.images > 1:
        note = f"Means over {summary.times.images:,} images. {note}"
    if calls:
        note += (
            f" One evaluation of the U-Net took {milliseconds(summary.times.denoise_ms / calls)}."
        )
    return section("stages", "Time per stage", note, table("Time per stage", columns, rows))


def _drawn_by(summary: Summary) -> Markup | None:
    rows = [
        (
            str(one.variant),
            element("span", one.host, element("small", f"{one.chip}, {one.runtime}")),
            f"{one.times.images:,}",
            milliseconds(one.times.drawing_ms / one.times.images),
            f"{one.engines:,}",
            duration(one.load_ms / 1000),
        )
        for one in summary.drawn_by
    ]
    columns = (
        Column("Variant", text=True, wide=True),
        Column("Machine", text=True),
        *map(Column, ("Images", "An image", "Engines", "Loading")),
    )
    if not rows:
        return None
    note = "Engines that settled an image, and how long they took to load in all."
    return section("drawn-by", "Drawn by", note, table("Drawn by", columns, rows))
