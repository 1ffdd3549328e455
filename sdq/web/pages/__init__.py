"""The pages, and what they are made of."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from sdq.web.access import Access
from sdq.web.feed import Writer
from sdq.web.pages import events, sign_in

STATIC = Path(__file__).parent.with_name("static")

#: What is served without the token.
OPEN = frozenset({"/sign-in"})
OPEN_FOLDERS = ("/static/",)


def routes() -> list[BaseRoute]:
    """Return the routes of all pages."""
    return [
        Route("/sign-in", sign_in.sign_in, methods=["POST"]),
        Route("/events", events.events),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]


def writers(access: Access) -> Mapping[str, Writer]:
    """Return what makes the events of pages, by the kind of page that listens."""
    return {"page": events.writer(access)}
