"""The queue: what is being drawn, by whom, and what failed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from db.values import BatchState
from sdq.views.words import counted
from sdq.web.asked import in_query
from sdq.web.look import Look
from sdq.web.pages.said import said
from sdq.web.pages.shown import shown_batch, shown_image, time_left
from sdq.web.reading import Sources, sources_of
from sdq.web.templates import page

#: More batches that wait are counted, not shown.
_WAITING = 100
NEWEST = 24
_OLDER = 50


def queue(request: Request) -> Response:
    """Show the queue."""
    sources = sources_of(request)
    look = sources.looking.look()
    return page(
        request,
        "queue.html",
        {
            **facts(look),
            "read_only": sources.access.read_only,
            "newest": _newest(sources),
            "view": "queue",
            "most": NEWEST,
            "said": said(request),
        },
    )


def older(request: Request) -> Response:
    """Show older batches, a page at a time."""
    sources = sources_of(request)
    before = in_query(request, "before")
    ledger = sources.existing_ledger
    found = ledger.browsing.statuses_before(before, _OLDER + 1) if ledger else ()
    shown = [shown_batch(status) for status in found[:_OLDER]]
    return page(
        request,
        "older.html",
        {
            "batches": shown,
            "before": shown[-1].id if len(found) > _OLDER else None,
            "read_only": sources.access.read_only,
            "back": "batches",
        },
    )


def facts(look: Look) -> Mapping[str, Any]:
    """Return what the fragments of the page are made of."""
    names = {status.name: status.id for status in (*look.waiting, *look.over)}
    return {
        "look": look,
        "headline": _headline(look),
        "figures": _figures(look),
        "waiting": [shown_batch(status) for status in look.waiting[:_WAITING]],
        "more_waiting": max(0, len(look.waiting) - _WAITING),
        "over": [shown_batch(status) for status in look.over],
        "ids": names,
        "back": "queue",
    }


def _headline(look: Look) -> tuple[str, str, str]:
    """Return what happens, what is to be known, and the command that helps; empty for none."""
    active = [status for status in look.waiting if status.state is BatchState.ACTIVE]
    if not look.waiting:
        if look.over:
            return "Nothing to draw", "All that was asked for is done.", ""
        return "Nothing to draw yet", "Submit prompts, and a worker draws them one by one.", ""
    if not active:
        return "Paused", f"{counted(len(look.waiting), 'batch', 'batches')} to be resumed.", ""
    if look.trouble:
        return "Nobody can say who draws", look.trouble, ""
    if not look.workers:
        return "Waiting for a worker", "Nobody draws at the moment. Start one:", "sdq worker"
    what = counted(len(active), "batch", "batches")
    return f"Drawing {what}", f"{counted(len(look.workers), 'worker')} at work.", ""


def _figures(look: Look) -> list[tuple[str, str, str]]:
    """Return the key figures: title, number, and what it is of."""
    if not look.waiting:
        return []
    done = sum(status.completed for status in look.waiting)
    failed = sum(status.failed for status in look.waiting)
    total = sum(status.total for status in look.waiting)
    left = sum(
        status.total - status.completed - status.failed
        for status in look.waiting
        if status.state is BatchState.ACTIVE
    )
    found = [("Drawn", f"{done:,}", f"of {total:,}")]
    if look.pace:
        found.append(("An hour", f"{look.pace.images_per_hour:,.0f}", "at the recent pace"))
        if left:
            pace = look.pace
            found.append(
                ("Left", time_left(pace.time_for(left), pace.range_for(left)), f"for {left:,}")
            )
    if failed:
        found.append(("Failed", f"{failed:,}", "see below"))
    return found


def _newest(sources: Sources) -> list[Any]:
    ledger = sources.existing_ledger
    if ledger is None:
        return []
    images = ledger.browsing.newest(None, None, NEWEST).images
    ids = {
        name: status.id
        for name in {image.batch_name for image in images}
        if (status := ledger.batches.find(name))
    }
    return [shown_image(one, ids[one.batch_name]) for one in images if one.batch_name in ids]
