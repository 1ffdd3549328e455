"""The page of a summary with its thumbnails, as a text or in a file."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from db.summaries.values import Summary
from db.values import PausedVariant
from sdq.views.report.page import report_page
from sdq_core.errors import OutputError, StorageError
from sdq_core.images.fitted import Thumbnail, thumbnail
from sdq_core.images.root import OutputRoot
from sdq_core.images.store import store_file

#: The longer side of a thumbnail in pixels: sharp on a screen with two pixels for each of the page's.
_THUMBNAIL_SIDE = 256


def write_report(
    page: Path, summary: Summary, paused: Sequence[PausedVariant], outputs: OutputRoot
) -> None:
    """Write the page, completely or not at all; raise OutputError or StorageError if it cannot be written."""
    _write(page, whole_page(summary, paused, outputs))


def whole_page(summary: Summary, paused: Sequence[PausedVariant], outputs: OutputRoot) -> str:
    """Return the page with its thumbnails, which it makes."""
    pictures, problem = _pictures(outputs, summary)
    return report_page(summary, paused, pictures, no_pictures=problem)


def _pictures(outputs: OutputRoot, summary: Summary) -> tuple[dict[str, Thumbnail], str | None]:
    """Return the sample's thumbnails by path, or why there are none: a report is of use without its pictures."""
    if not summary.sample:
        return {}, None
    try:
        outputs.require()
    except StorageError as error:
        return {}, str(error)
    found = {}
    for shown in summary.sample:
        record = shown.image
        made = thumbnail(
            outputs.path / record.path, _THUMBNAIL_SIDE, hidden=bool(record.nsfw_flagged)
        )
        if made is not None:
            found[record.path] = made
    return found, None


def _write(page: Path, text: str) -> None:
    place = page
    with contextlib.suppress(OSError, RuntimeError):  # what is wrong with it, writing will say
        place = page.resolve()  # a link stays one
        if place.exists() and not place.is_file():
            raise OutputError(f"{page} is not a file. Name one for the page, such as report.html.")
    store_file(text.encode(), place)
