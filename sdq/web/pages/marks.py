"""What the buttons of a picture do: make it a favourite, reject it, or take its mark away."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from db.values import Mark
from sdq.web.asked import in_path
from sdq.web.pages.shown import tile_key
from sdq.web.problems import for_browser
from sdq.web.reading import Sources, sources_of
from sdq_core.errors import InputMissingError

_MARKS: Mapping[str, Mark | None] = {
    "favourite": Mark.FAVOURITE,
    "reject": Mark.REJECTED,
    "unmark": None,
}


def mark(request: Request) -> Response:
    """Mark an image, and show the page again that asked for it; a script needs no page."""
    sources = sources_of(request)
    action = request.path_params["action"]
    if action not in _MARKS:
        raise InputMissingError("There is nothing at this address.")
    batch_id, entry, seed = (in_path(request, name) for name in ("id", "entry", "seed"))
    found = sources.ledger.batches.image(sources.status(batch_id).id, entry, seed)
    image_id, given = found.id or 0 if found else 0, _MARKS[action]
    sources.ledger.marks.set(image_id, given)
    sources.looking.note_mark(image_id, given)
    if not for_browser(request):
        return Response(status_code=204)
    own = f"/batches/{batch_id}/{entry}/{seed}"
    back = _asking(request, sources) or own
    place = "" if back == own else f"#{tile_key(batch_id, entry, seed)}"
    return RedirectResponse(f"{sources.access.prefix}{back}{place}", status_code=303)


def _asking(request: Request, sources: Sources) -> str:
    """Return the address below the root of the page that the request came from; empty if it does not say."""
    try:
        asking = urlsplit(request.headers.get("referer", ""))
    except ValueError:
        return ""
    path = asking.path.removeprefix(sources.access.prefix).lstrip("/")
    query = f"?{asking.query}" if asking.query else ""
    return f"/{path}{query}" if asking.path else ""
