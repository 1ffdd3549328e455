"""What open pages are told: the parts of them that changed, and which pictures were finished."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from sdq.web.access import Access
from sdq.web.feed import event
from sdq.web.look import Look
from sdq.web.pages.queue import facts
from sdq.web.pages.shown import shown_image
from sdq.web.reading import sources_of
from sdq.web.templates import render


async def events(request: Request) -> Response:
    """Stream the events of pages."""
    return event_stream(request, sources_of(request).feed.listen("page"))


def event_stream(request: Request, stream: AsyncIterator[bytes]) -> Response:
    """Return a response that goes on until the server stops; no proxy should collect it."""
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    media_type = "text/event-stream"
    if request.method == "HEAD":  # who asks so waits for the end, and would hear nothing
        return Response(media_type=media_type, headers=headers)
    return StreamingResponse(stream, media_type=media_type, headers=headers)


class PageEvents:
    """Makes the events of pages: `parts`, element id -> HTML, `pictures`, and `marks`, image id -> mark.

    Called by one thread. Of the parts that a page has, its script replaces those that it is sent.
    """

    def __init__(self, access: Access) -> None:
        self._access = access
        self._made: tuple[Look | None, Mapping[str, str]] = (None, {})

    def __call__(self, look: Look, before: Look | None) -> bytes:
        """Return what is new in a look since the one before."""
        former_look, former = self._made
        parts = former if look is former_look else self._parts(look)
        if look is not former_look:
            self._made = (look, parts)
        is_known = before is not None and former_look is before
        changed = {
            name: text for name, text in parts.items() if not is_known or former.get(name) != text
        }
        told = event("parts", json.dumps(changed)) if changed else b""
        if pictures := self._pictures(look):
            told += event("pictures", json.dumps(pictures))
        former_marks = before.marked if before else {}
        if marks := dict(look.marked.items() - former_marks.items()):
            told += event("marks", json.dumps(marks))
        return told

    def _parts(self, look: Look) -> Mapping[str, str]:
        values = {
            **facts(look),
            "root": self._access.prefix,
            "read_only": self._access.read_only,
        }
        parts = {
            name: render(f"parts/{name}.html", values)
            for name in ("headline", "waiting", "workers", "failures", "over")
        }
        for one in (*values["waiting"], *values["over"]):
            about = {**values, "batch": one, "back": "batch"}
            parts[f"standing-{one.id}"] = render("parts/standing.html", about)
        return parts

    def _pictures(self, look: Look) -> list[dict[str, object]]:
        ids = {status.name: status.id for status in (*look.waiting, *look.over)}
        told: list[dict[str, object]] = []
        for image in look.finished:
            if image.batch_name not in ids:
                continue
            shown = shown_image(image, ids[image.batch_name])
            values = {
                "root": self._access.prefix,
                "image": shown,
                "read_only": self._access.read_only,
            }
            told.append(
                {
                    "batch": shown.batch_id,
                    "key": shown.key,
                    "tile": render("parts/tile.html", values),
                    "card": render("parts/card.html", values),
                }
            )
        return told
