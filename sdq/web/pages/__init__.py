"""The pages, and what they are made of."""

from __future__ import annotations

from starlette.routing import BaseRoute, Mount, Route

from sdq.web.assets import Assets, report_style
from sdq.web.pages import (
    actions,
    batch,
    compare,
    image,
    marks,
    models,
    night,
    queue,
    sign_in,
    submit,
)
from sdq.web.pages.events import events
from sdq.web.pages.submit import LIMITS
from sdq.web.pictures import image as image_file
from sdq.web.pictures import thumbnail_file

__all__ = ["LIMITS", "OPEN", "OPEN_FOLDERS", "routes"]

#: What is served without the token.
OPEN = frozenset({"/sign-in"})
OPEN_FOLDERS = ("/static/",)


def routes() -> list[BaseRoute]:
    """Return the routes of all pages."""
    return [
        Route("/", queue.queue),
        Route("/batches", queue.older),
        Route("/batches/{id:int}", batch.batch),
        Route("/batches/{name:str}", batch.by_name),
        Route("/batches/{id:int}/{entry:int}", batch.prompt),
        Route("/batches/{id:int}/{entry:int}/{seed:int}", image.image),
        Route("/batches/{id:int}/{action:str}", actions.act, methods=["POST"]),
        Route("/submit", submit.submit, methods=["GET", "POST"]),
        Route("/submit/{draft:str}", submit.draft, methods=["GET", "POST"]),
        Route("/night", night.night),
        Route("/night.html", night.saved),
        Route("/compare", compare.compare),
        Route("/models", models.models),
        Route(
            "/batches/{id:int}/{entry:int}/{seed:int}/{action:str}", marks.mark, methods=["POST"]
        ),
        Route("/i/{id:int}/{name:str}", image_file),
        Route("/t/{id:int}/{name:str}", thumbnail_file),
        Route("/events", events),
        Route("/sign-in", sign_in.sign_in, methods=["POST"]),
        Route("/static/report.css", report_style),
        Mount("/static", Assets()),
    ]
