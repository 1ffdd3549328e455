"""What open pages are told: the parts of them that changed, and which pictures were finished."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from db.browsing import Picture
from db.values import FinishedImage
from sdq.web.asked import in_query
from sdq.web.feed import event
from sdq.web.look import Look
from sdq.web.pages.queue import facts
from sdq.web.pages.shown import ShownImage, shown_batch, shown_image
from sdq.web.pictures import Thumbnails
from sdq.web.reading import Sources, sources_of
from sdq.web.templates import render
from sdq_core.errors import InputMissingError


async def events(request: Request) -> Response:
    """Stream the events of the queue's page, or of a `batch`'s pages; `newest`: of one that shows each new picture."""
    sources = sources_of(request)
    batch_id, with_all = in_query(request, "batch"), "newest" in request.query_params

    def writer() -> PageEvents:
        return PageEvents(sources, batch_id, with_thumbnails=with_all)

    return event_stream(request, sources.feed.listen(("page", batch_id, with_all), writer))


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

    def __init__(self, sources: Sources, batch_id: int | None, *, with_thumbnails: bool) -> None:
        """Prepare for one kind of page.

        batch_id: None for the queue. with_thumbnails: within the events, as a request for each costs the browser more
        than showing it; for pages that show all new pictures.
        """
        self._thumbnails = sources.thumbnails if with_thumbnails else None
        self._batch_id = batch_id
        self._values = {"root": sources.access.prefix, "read_only": sources.access.read_only}
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
        if self._batch_id is None:
            values = {**facts(look), **self._values}
            names = ("headline", "waiting", "workers", "failures", "over")
            return {name: render(f"parts/{name}.html", values) for name in names}
        return {
            f"standing-{one.id}": render(
                "parts/standing.html", {**self._values, "batch": shown_batch(one), "back": "batch"}
            )
            for one in (*look.waiting, *look.over)
            if one.id == self._batch_id
        }

    def _pictures(self, look: Look) -> list[dict[str, object]]:
        ids = {
            status.name: status.id
            for status in (*look.waiting, *look.over)
            if self._batch_id in {None, status.id}
        }
        told: list[dict[str, object]] = []
        for image in look.finished:
            if image.batch_name not in ids:
                continue
            shown = shown_image(image, ids[image.batch_name])
            if self._thumbnails:
                shown = _with_thumbnail(shown, image, self._thumbnails)
            card = render("parts/card.html", {**self._values, "image": shown})
            told.append({"batch": shown.batch_id, "key": shown.key, "card": card})
        return told


def _with_thumbnail(shown: ShownImage, image: FinishedImage, thumbnails: Thumbnails) -> ShownImage:
    record = image.image
    picture = Picture(
        path=record.path,
        sha256=record.sha256,
        pixels_sha256=record.pixels_sha256,
        size_bytes=record.size_bytes,
        nsfw_flagged=record.nsfw_flagged,
    )
    try:
        data, media_type = thumbnails.find(picture, hidden=shown.flagged)
    except InputMissingError:
        return shown
    return replace(shown, embedded=f"data:{media_type};base64,{b64encode(data).decode()}")
