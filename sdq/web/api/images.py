"""`/v1/images/generations`: images that somebody waits for."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from db.known_image import KnownImage
from db.ledger import Ledger
from db.values import JSON, ImageStatus
from sdq.web.api.answers import json_body, openais
from sdq.web.api.errors import ApiError, of_problems, translated
from sdq.web.api.generation import Generation, read_generation
from sdq.web.api.given import Given
from sdq.web.api.pictures import as_text, url_of
from sdq.web.api.state import state_of
from sdq.web.api.submitting import Submitted, require_model, submit_now
from sdq.web.api.uploads import Uploads
from sdq.web.api.waiting import ClientGoneError
from sdq.web.reading import Sources, sources_of
from sdq_core.errors import PromptFileError, SdqError

#: A new one each day, so that none grows without end.
BATCH = "api-{date}"


#: Reads what a request asks for, and keeps its pictures.
Read = Callable[[Request, Given], Generation]


@openais
async def generate(request: Request) -> Response:
    """Draw up to ten images of a prompt before all that waits, and return them."""
    return await draw(request, _read)


async def draw(request: Request, read: Read) -> Response:
    """Draw what a request asks for before all that waits, and return it; raise ApiError if that fails."""
    sources, state = sources_of(request), state_of(request)
    asked, submitted = await run_in_threadpool(_submitted, request, read)
    try:
        outcome = await state.drawn(request, sources, submitted)
    except ClientGoneError:
        return Response(status_code=499)
    except (ApiError, SdqError) as error:
        said = error if isinstance(error, ApiError) else translated(error)
        if not asked.is_repeatable:
            # Clients repeat by themselves, and would have other images drawn.
            said.headers["x-should-retry"] = "false"
        raise said from None
    if outcome.is_stopped:
        raise ApiError(
            409,
            f"Batch {submitted.batch_name} was cancelled.",
            code="cancelled",
            headers={"x-should-retry": "false"},
        )
    failed = [image for image in outcome.images if image.status is ImageStatus.FAILED]
    if failed:
        raise ApiError(
            500,
            f"The image could not be drawn: {failed[0].error}. To try again, run `sdq retry {submitted.batch_name}`.",
            code="not_drawn",
            headers={"x-should-retry": "false"},
        )
    return await run_in_threadpool(_answer, request, sources, asked, outcome.images)


def _read(request: Request, given: Given) -> Generation:
    return read_generation(json_body(request), given, key=request.headers.get("idempotency-key"))


def _submitted(request: Request, read: Read) -> tuple[Generation, Submitted]:
    """Queue what a request asks for; return both."""
    sources, models = sources_of(request), state_of(request).models
    settings = sources.settings
    with Given(Uploads(settings.home)) as given:
        asked = read(request, given)
        if asked.model is not None:
            require_model(settings, models, asked.model)
        try:
            ledger = sources.connections.ledger()
            return asked, submit_now(settings, models, ledger, asked.line, batch=BATCH)
        except PromptFileError as error:
            raise of_problems(error) from None


def _answer(
    request: Request, sources: Sources, asked: Generation, images: Sequence[KnownImage]
) -> Response:
    ledger = sources.ledger
    first = images[0]
    assert first.image is not None
    return JSONResponse(
        {
            "created": int(time.time()),
            "data": [_picture(request, sources, ledger, asked, image) for image in images],
            "output_format": {"jpg": "jpeg"}.get(
                ending := first.image.path.rpartition(".")[2], ending
            ),
            "size": f"{first.recipe.width}x{first.recipe.height}",
        }
    )


def _picture(
    request: Request, sources: Sources, ledger: Ledger, asked: Generation, image: KnownImage
) -> dict[str, JSON]:
    """Return one image; who has not said how gets it both ways, as clients of different models expect it."""
    assert image.image is not None
    path = image.image.path
    said: dict[str, JSON] = {"seed": image.seed}
    if asked.response_format != "url":
        said["b64_json"] = as_text(sources.settings, ledger, path)
    if asked.response_format != "b64_json":
        said["url"] = url_of(request, image.recipe.content_key, image.seed, path)
    return said
