"""Waiting for images that were just asked for: without a thread, and no longer than the client does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from db.known_image import KnownImage
from db.ledger import Ledger
from db.values import BatchState, ImageStatus
from sdq.views.waiting import why_waiting
from sdq.web.api.errors import ApiError
from sdq.web.api.submitting import Submitted
from sdq.web.reading import Sources
from sdq_core.errors import SdqError
from sdq_core.models import ModelStore

#: Clients wait for 600 s; one that is told before asks again, with the same Idempotency-Key.
LONGEST_S = 300.0
#: For so long a worker may still be starting, s.
_WITHOUT_WORKER_S = 20.0
_EVERY_S = 0.25
_STATE_EVERY_S = 1.0

_SETTLED = (ImageStatus.DONE, ImageStatus.FAILED)


class ClientGoneError(Exception):
    """Nobody waits for the answer any more. What was asked for is drawn all the same."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a submission. images: those that are settled. is_stopped: its batch was cancelled meanwhile."""

    images: Sequence[KnownImage]
    is_stopped: bool


async def drawn(
    request: Request,
    sources: Sources,
    models: ModelStore,
    submitted: Submitted,
    count: Callable[[int], None] = lambda _: None,
) -> Outcome:
    """Return what was drawn or given up of a submission, when all is or its batch is cancelled.

    count: told how many of its images are settled so far.

    Raise ApiError if that takes too long, ClientGoneError if nobody waits any more.
    """
    began = time.monotonic()
    looked = began
    asked_state = began - _STATE_EVERY_S
    while True:
        ledger, now = sources.connections.ledger(), time.monotonic()
        settled = await run_in_threadpool(_settled, ledger, submitted)
        if len(settled) == submitted.images:
            return Outcome(images=settled, is_stopped=False)
        count(len(settled))
        if now - asked_state > _STATE_EVERY_S:
            asked_state = now
            if await run_in_threadpool(_is_stopped, ledger, submitted):
                return Outcome(
                    images=await run_in_threadpool(_settled, ledger, submitted, whole=True),
                    is_stopped=True,
                )
        if await request.is_disconnected():
            raise ClientGoneError
        if now - looked > _WITHOUT_WORKER_S or now - began > LONGEST_S:
            looked = now
            hindrances = await run_in_threadpool(_hindrances, sources, models, submitted)
            if hindrances or now - began > LONGEST_S:
                raise _too_late(now - began, hindrances)
        await asyncio.sleep(_EVERY_S)


def _settled(ledger: Ledger, submitted: Submitted, *, whole: bool = False) -> list[KnownImage]:
    """Return the settled images of a submission as far as the first that is not; whole: all of them."""
    found: list[KnownImage] = []
    for entry in submitted.entries:
        for seed in entry.seeds:
            image = ledger.batches.image_of_recipe(entry.recipe.content_key, seed)
            if image is not None and image.status in _SETTLED:
                found.append(image)
            elif not whole:
                return found
    return found


def _is_stopped(ledger: Ledger, submitted: Submitted) -> bool:
    status = ledger.batches.find(submitted.batch_id)
    return status is None or status.state is BatchState.CANCELLED


def _hindrances(sources: Sources, models: ModelStore, submitted: Submitted) -> list[str]:
    """Return a sentence for each reason why nothing is drawn, as far as this machine can see."""
    settings, ledger = sources.settings, sources.connections.ledger()
    try:
        status = ledger.batches.find(submitted.batch_id)
        found = why_waiting(settings, models, ledger, status) if status else []
        paused = ledger.batches.open_variants(submitted.batch_id)
    except SdqError as error:
        return [str(error)]
    said = [reason.removeprefix("waiting: ") for reason in found]
    said += [
        f"{variant} is paused ({reason}). Run `sdq resume --variant-key {variant.key}`."
        for variant, reason in paused.items()
        if reason is not None
    ]
    return [f"{one[:1].upper()}{one[1:]}" for one in said]


def _too_late(waited_s: float, hindrances: Sequence[str]) -> ApiError:
    said = " ".join([f"Nothing was drawn for {waited_s:.0f} s.", *hindrances])
    return ApiError(
        503 if hindrances else 504,
        f"{said} The image stays queued: asked for again with the same seed or Idempotency-Key, it is not drawn twice.",
        code="unavailable" if hindrances else "timeout",
        headers={"retry-after": "5"},
    )
