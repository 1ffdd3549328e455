"""Draws the usual pages once for nobody, before somebody waits for the first.

Templates, statements of SQL and the connection to the ledger are made when they are first needed, which takes a fifth
of a second and more.
"""

from __future__ import annotations

import logging

from starlette.applications import Starlette
from starlette.requests import Request

from sdq.web.pages import batch, image, queue
from sdq.web.reading import Sources

_LOG = logging.getLogger("sdq.web")


def warm_up(app: Starlette) -> None:
    """Draw the queue, the newest batch, and its newest image."""
    try:
        _draw_pages(app)
    except Exception as error:
        # Who asks for a page is told; and the server may be ending meanwhile.
        _LOG.debug("the first pages could not be drawn: %s", error)


def _draw_pages(app: Starlette) -> None:
    sources = app.state.sources
    assert isinstance(sources, Sources)
    queue.queue(_request(app))
    ledger = sources.existing_ledger
    if ledger is None:
        return
    for status in ledger.browsing.statuses_before(None, 1):
        batch.batch(_request(app, id=status.id))
        for one in ledger.browsing.newest(status.id, None, 1).images:
            image.image(_request(app, id=status.id, entry=one.entry, seed=one.seed))


def _request(app: Starlette, **path_params: int) -> Request:
    return Request(
        {
            "type": "http",
            "app": app,
            "method": "GET",
            "path": "/",
            "query_string": b"",
            "headers": [],
            "path_params": path_params,
        }
    )
