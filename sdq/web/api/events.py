"""`/v1/events`: how batches stand and which images were finished, as server-sent events in JSON.

event: batches     the batches that are not finished, when one of them has changed
event: image       an image that was finished
"""

from __future__ import annotations

import json

from starlette.requests import Request
from starlette.responses import Response

from db.values import JSON, BatchStatus, FinishedImage
from sdq.views.batch_object import batch_id, own_facts, status_in_openais_words, unix
from sdq.web.api.pictures import name_of
from sdq.web.feed import event
from sdq.web.look import Look
from sdq.web.pages.events import event_stream
from sdq.web.reading import sources_of


async def events(request: Request) -> Response:
    """Stream what changes, until the client or the server ends."""
    return event_stream(request, sources_of(request).feed.listen("program", lambda: _write))


def _write(look: Look, before: Look | None) -> bytes:
    told = b""
    shown = [_batch(status) for status in (*look.waiting, *_ended(look, before))]
    if before is None or shown != [_batch(status) for status in before.waiting]:
        told += event("batches", json.dumps(shown))
    return told + b"".join(event("image", json.dumps(_image(image))) for image in look.finished)


def _ended(look: Look, before: Look | None) -> list[BatchStatus]:
    """Return the batches that were unfinished at the look before."""
    waited = {status.id for status in before.waiting} if before else set()
    return [status for status in look.over if status.id in waited]


def _batch(status: BatchStatus) -> dict[str, JSON]:
    return {
        "id": batch_id(status.id),
        "status": status_in_openais_words(status),
        "sdq": own_facts(status),
    }


def _image(image: FinishedImage) -> dict[str, JSON]:
    """Return what is told of an image. path: to be asked for at this server."""
    record = image.image
    return {
        "batch": image.batch_name,
        "entry": image.entry,
        "seed": image.seed,
        "prompt": image.recipe.prompt,
        "custom_id": image.fields.get("custom_id"),
        "finished_at": unix(image.finished_at),
        "is_flagged": bool(record.nsfw_flagged),
        "path": f"/v1/images/{name_of(image.recipe.content_key, image.seed, record.path)}",
    }
