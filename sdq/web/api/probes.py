"""`/healthz`, `/readyz` and `/metrics`, for whoever watches over servers."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from sdq.views.metrics import CONTENT_TYPE, metrics_text
from sdq.web.api.answers import openais
from sdq.web.reading import Sources, sources_of
from sdq_core.errors import SdqError
from sdq_core.queue.connection import connect


async def healthz(request: Request) -> Response:  # noqa: ARG001
    """Say that the process answers, also while all threads wait for a ledger that does not."""
    return PlainTextResponse("ok\n")


def readyz(request: Request) -> Response:
    """Say whether ledger and Redis answer; who asks has no token, so not what is wrong with them."""
    sources = sources_of(request)
    found = {"ledger": _answers(sources, _ask_ledger), "redis": _answers(sources, _ask_redis)}
    return JSONResponse(found, 200 if all(found.values()) else 503)


@openais
def metrics(request: Request) -> Response:
    """Return the metrics."""
    return Response(metrics_text(sources_of(request).existing_ledger), media_type=CONTENT_TYPE)


def _answers(sources: Sources, ask: Callable[[Sources], None]) -> bool:
    try:
        ask(sources)
    except SdqError:
        return False
    return True


def _ask_ledger(sources: Sources) -> None:
    ledger = sources.existing_ledger
    if ledger is not None:  # one that is not there yet is made by the first submission
        ledger.variants.paused()


def _ask_redis(sources: Sources) -> None:
    connect(sources.settings, wait_until_loaded=False).close()
