"""What open pages are told: how batches stand, and which pictures were finished."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from sdq.web.access import Access
from sdq.web.feed import Writer, event
from sdq.web.look import Look
from sdq.web.reading import sources_of


async def events(request: Request) -> Response:
    """Stream the events of pages."""
    feed = sources_of(request).feed
    return event_stream(feed.listen("page"))


def event_stream(stream: object) -> StreamingResponse:
    """Return a response that never ends by itself; no proxy should collect it."""
    return StreamingResponse(
        stream,  # type: ignore[arg-type]
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


def writer(_access: Access) -> Writer:
    """Return what makes the events of pages."""

    def write(look: Look, before: Look | None) -> bytes:
        if before is not None and look.waiting == before.waiting:
            return b""
        return event("counts", str(len(look.waiting)))

    return write
