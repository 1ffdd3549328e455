"""What a page says after something was done."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request

from sdq.web.asked import in_query
from sdq.web.reading import sources_of

_SENTENCES: Mapping[str, str] = {
    "submit": "{} is queued.",
    "pause": "{} is paused. The image in hand is finished.",
    "resume": "{} goes on.",
    "cancel": "{} is cancelled. What is drawn stays, and it can be resumed.",
    "retry": "The failed images of {} are queued again.",
    "front": "{} is drawn before all others of its priority.",
    "priority": "{} has another priority now.",
}


def said(request: Request) -> str:
    """Return the sentence for what the address says was done; empty for nothing."""
    sentence = _SENTENCES.get(request.query_params.get("did", ""), "")
    batch_id = in_query(request, "of")
    if not sentence or batch_id is None:
        return ""
    return sentence.format(sources_of(request).status(batch_id).name)
