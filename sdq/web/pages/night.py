"""Night: what `sdq report` says of the last night, of another time or of a batch, live."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from db.ledger import Ledger
from db.summaries.values import Summary
from db.values import PausedVariant
from sdq.views.report.file import whole_page
from sdq.views.report.sections import sections
from sdq.views.report.sentences import (
    figures,
    headline,
    next_steps,
    remarks,
    sample_rule,
    title,
    when,
)
from sdq.web.asked import in_query
from sdq.web.pages.shown import shown_image
from sdq.web.reading import Sources, sources_of
from sdq.web.templates import page
from sdq_core.errors import UsageError
from sdq_core.images.root import OutputRoot
from sdq_core.values.moments import past_moment

#: When a night begins.
USUAL = "22:00"
#: Times that people ask for often, by their names.
QUICK = {"Last night": USUAL, "12 hours": "12h", "24 hours": "24h", "7 days": "7d"}

#: A report is made anew after this time, s, and never for more than one part in so many of the time.
_FRESH_S, _PARTS = 5.0, 25
_KEPT = 16


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """What a report is to be about. since: as it was written, empty for all of a batch."""

    batch_id: int | None
    since: str


@dataclass(frozen=True, kw_only=True)
class _Made:
    """A report with the times, s, at which it was begun and after which another one is made."""

    summary: Summary
    paused: Sequence[PausedVariant]
    began_at: float
    stale_at: float


class Nights:
    """The reports of one server, of which those who look share the newest."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: OrderedDict[_Asked, _Made] = OrderedDict()

    def report(self, ledger: Ledger, asked: _Asked) -> _Made:
        """Return a report, the newest that is there while another one is made.

        Raise UsageError for a time that is none.
        """
        made = self._made.get(asked)
        if made is not None and time.monotonic() < made.stale_at:
            return made
        # One is made at a time; who has seen one already need not wait for the next.
        if not self._lock.acquire(blocking=made is None):
            assert made is not None
            return made
        try:
            return self._make(ledger, asked)
        finally:
            self._lock.release()

    def _make(self, ledger: Ledger, asked: _Asked) -> _Made:
        began = time.monotonic()
        made = self._made.get(asked)
        if made is not None and began < made.stale_at:  # meanwhile
            return made
        begin = past_moment(asked.since, datetime.now(UTC)) if asked.since else None
        summary = ledger.summaries.of(asked.batch_id, since=begin)
        paused = ledger.variants.paused()
        ended = time.monotonic()
        made = _Made(
            summary=summary,
            paused=paused,
            began_at=began,
            stale_at=ended + max(_FRESH_S, _PARTS * (ended - began)),
        )
        self._made[asked] = made
        self._made.move_to_end(asked)
        while len(self._made) > _KEPT:
            self._made.popitem(last=False)
        return made


def night(request: Request) -> Response:
    """Show a report, or only what changes of it."""
    sources = sources_of(request)
    asked = _asked(request)
    values: dict[str, Any] = {
        "asked": asked,
        "query": request.url.query,
        "quick": QUICK,
        "problem": "",
        "is_empty": False,
    }
    ledger = sources.existing_ledger
    if asked.batch_id is not None:
        sources.status(asked.batch_id)
    if ledger is None:
        return page(request, "night.html", {**values, "is_empty": True})
    try:
        made = request.app.state.nights.report(ledger, asked)
    except UsageError as error:
        return page(request, "night.html", {**values, "problem": str(error)}, status=400)
    template = "parts/night.html" if "part" in request.query_params else "night.html"
    # The script asks again when there is something new to be had.
    now = time.monotonic()
    headers = {
        "age": str(math.ceil(now - made.began_at)),
        "retry-after": str(max(1, math.ceil(made.stale_at - now))),
    }
    return page(request, template, {**values, **_shown(sources, made)}, headers=headers)


def saved(request: Request) -> Response:
    """Return the page that `sdq report --html` writes."""
    sources = sources_of(request)
    asked = _asked(request)
    ledger, settings = sources.ledger, sources.settings
    made = request.app.state.nights.report(ledger, asked)
    outputs = OutputRoot(settings.outputs, home=settings.home, ledger_id=ledger.id)
    text = whole_page(made.summary, made.paused, outputs)
    return Response(
        text.encode(errors="replace"),
        media_type="text/html",
        headers={"content-disposition": 'attachment; filename="report.html"'},
    )


def _asked(request: Request) -> _Asked:
    batch_id = in_query(request, "batch")
    since = request.query_params.get("since", "").strip()[:60]
    if not since and batch_id is None:
        since = USUAL
    return _Asked(batch_id=batch_id, since=since)


def _shown(sources: Sources, made: _Made) -> dict[str, Any]:
    summary = made.summary
    ids = {part.status.name: part.status.id for part in summary.parts}
    tables = sections(
        replace(summary, sample=()),
        {},
        None,
        address=lambda batch_id: f"{sources.access.prefix}/batches/{batch_id}",
    )
    return {
        "title": title(summary),
        "headline": headline(summary),
        "when": when(summary),
        "batch": summary.batch,
        "figures": figures(summary),
        "remarks": remarks(summary),
        "steps": next_steps(summary, made.paused),
        "images": [
            shown_image(image, ids[image.batch_name])
            for image in summary.sample
            if image.batch_name in ids
        ],
        "rule": sample_rule(summary),
        # Its own elements escape what they hold.
        "tables": [Markup(table) for table in tables if table],
    }
