"""The sections of the page, each with its heading and a note at the side. Those that are empty are left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from db.summaries.values import ShownImage, Summary
from sdq.views.report.charts import share_bar, throughput_chart
from sdq.views.report.clock import bars, clock, day_and_time, step_words
from sdq.views.report.markup import Markup, element
from sdq.views.report.sentences import retry_commands, sample_rule
from sdq.views.report.stages import stages
from sdq.views.report.tables import Column, table
from sdq.views.report.text import worst_concept
from sdq.views.status import status_word
from sdq.views.words import duration, milliseconds

_MOST_BARS = 60
_MOST_ROWS = 14
#: So many images are shown larger.
_FEW = 4
#: Longer texts end with an ellipsis.
_MOST_CHARS = 500


def sections(
    summary: Summary,
    sources: Mapping[str, str],
    sizes: Mapping[str, tuple[int, int]],
    no_pictures: str | None,
) -> Iterator[Markup | None]:
    """Yield the sections; sources, sizes: of the thumbnails, by path."""
    yield _batches(summary)
    yield _throughput(summary)
    yield _sample(summary, sources, sizes, no_pictures)
    yield _stages(summary)
    yield _drawn_by(summary)
    yield _causes(summary)
    yield _failed_images(summary)
    yield _slowest(summary)
    yield _cut_prompts(summary)
    yield _flagged(summary)


def _section(name: str, heading: str, note: str | None, *content: Markup | None) -> Markup:
    side = element(
        "div",
        element("h2", heading, id=name),
        element("p", note) if note else None,
        class_="side",
    )
    return element(
        "section", side, element("div", *content, class_="content"), aria_labelledby=name
    )


def _batches(summary: Summary) -> Markup | None:
    if summary.batch is not None or not summary.parts:
        return None
    rows = [
        (
            part.status.name,
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
    return _section("batches", "Batches", note, table("Batches", columns, rows))


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
    return _section("throughput", "Throughput", None, both)


def _sample(
    summary: Summary,
    sources: Mapping[str, str],
    sizes: Mapping[str, tuple[int, int]],
    no_pictures: str | None,
) -> Markup | None:
    if not summary.sample:
        return None
    if no_pictures:
        return _section("images", "Images", None, element("p", no_pictures, class_="empty"))
    names = summary.batch is None
    tiles = [
        element("li", _tile(shown, sources, sizes, with_batch=names)) for shown in summary.sample
    ]
    sheet = element("ul", *tiles, class_="sheet" if len(tiles) > _FEW else "sheet few")
    return _section("images", "Images", sample_rule(summary), sheet)


def _tile(
    shown: ShownImage,
    sources: Mapping[str, str],
    sizes: Mapping[str, tuple[int, int]],
    *,
    with_batch: bool,
) -> Markup:
    image, path = shown.image, shown.image.image.path
    hidden = bool(image.image.nsfw_flagged)
    prompt = _short(image.recipe.prompt)
    if path in sources:
        width, height = sizes[path]
        picture = element(
            "img",
            src=sources[path],
            width=width,
            height=height,
            alt=f"Hidden, as the safety checker flagged it: {prompt}" if hidden else prompt,
        )
    else:
        picture = element("p", "Cannot be read", class_="unreadable")
    batch = f"{shown.batch_name} · " if with_batch else ""
    flagged = " · flagged" if hidden else ""
    return element(
        "figure",
        picture,
        element(
            "figcaption",
            _prompt(prompt),
            element("small", f"{batch}prompt {image.entry} · seed {image.seed}{flagged}"),
        ),
    )


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
    return _section("stages", "Time per stage", note, table("Time per stage", columns, rows))


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
    return _section("drawn-by", "Drawn by", note, table("Drawn by", columns, rows))


def _causes(summary: Summary) -> Markup | None:
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
    return _section("causes", "Failures", note, table("Failures by cause", columns, rows))


def _failed_images(summary: Summary) -> Markup | None:
    rows = [
        (
            _place(summary, failed.batch_name, failed.entry, failed.seed),
            _prompt(failed.recipe.prompt),
            element("span", _short(failed.error), class_="error", dir="auto"),
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
    note = _first_of(len(rows), summary.failed)
    if not rows:
        return None
    return _section("failed", "Failed images", note, table("Failed images", columns, rows))


def _slowest(summary: Summary) -> Markup | None:
    if len(summary.slowest) < 2:
        return None
    mean_ms = summary.times.drawing_ms / summary.times.images or 1.0
    rows = [
        (
            _path(shown),
            _prompt(shown.image.recipe.prompt),
            day_and_time(shown.image.finished_at),
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
    return _section("slowest", "Slowest images", note, table("Slowest images", columns, rows))


def _cut_prompts(summary: Summary) -> Markup | None:
    rows = [
        (
            _place(summary, cut.batch_name, cut.entry),
            _prompt(cut.prompt),
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
    first = _first_of(len(rows), summary.cut_count)
    note = f"{note} {first}" if first else note
    return _section("cut", "Cut prompts", note, table("Cut prompts", columns, rows))


def _flagged(summary: Summary) -> Markup | None:
    rows = [
        (
            _path(shown),
            _prompt(shown.image.recipe.prompt),
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
    first = _first_of(len(rows), summary.times.flagged)
    note = f"{note} {first}" if first else note
    return _section("flagged", "Flagged images", note, table("Flagged images", columns, rows))


def _prompt(prompt: str) -> Markup:
    return element("span", _short(prompt), class_="prompt", dir="auto")


def _short(text: str) -> str:
    whole = " ".join(text[: 2 * _MOST_CHARS].split())
    return whole if len(whole) <= _MOST_CHARS else f"{whole[: _MOST_CHARS - 1]}…"


def _path(shown: ShownImage) -> Markup:
    """Return an image's path, which may be broken behind its slashes."""
    parts = shown.image.image.path.split("/")
    spans = [element("span", f"{part}/") for part in parts[:-1]]
    return element("code", *spans, element("span", parts[-1]), class_="path")


def _place(summary: Summary, batch_name: str, entry: int, seed: int | None = None) -> Markup:
    """Return where an image or a prompt stands, with its batch if there are several."""
    where = f"prompt {entry}" if seed is None else f"prompt {entry} · seed {seed}"
    if summary.batch is not None:
        return element("span", where, class_="place")
    return element("span", batch_name, element("small", where, class_="place"), dir="auto")


def _first_of(shown: int, count: int) -> str | None:
    return f"The first {shown:,} of {count:,}." if shown < count else None
