"""`/sdapi/v1`: the calls of AUTOMATIC1111's interface that common clients make.

What it draws goes into batches of its own, `a1111-2026-11-26`, of which `interrupt` cancels the one that grows: no
other batch stops, and the next request begins another one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib import metadata
from itertools import count

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from db.known_image import KnownImage
from db.ledger import Ledger
from db.values import JSON, BatchState, ImageStatus
from sdq.views.live.hands import running_queues
from sdq.web.api.a1111_model import choose_model, chosen_model
from sdq.web.api.a1111_pictures import MODULES
from sdq.web.api.a1111_words import (
    CHECKPOINT,
    Asked,
    model_entry,
    read_asked,
    samplers,
    schedulers,
)
from sdq.web.api.answers import a1111s, json_body
from sdq.web.api.errors import ApiError, of_problems
from sdq.web.api.given import Given
from sdq.web.api.pictures import as_text
from sdq.web.api.state import Drawing, state_of
from sdq.web.api.submitting import Submitted, require_model, submit_now
from sdq.web.api.uploads import Uploads
from sdq.web.api.waiting import ClientGoneError
from sdq.web.reading import Sources, sources_of
from sdq_core.errors import PromptFileError, SdqError
from sdq_core.images.infotext import write_infotext
from sdq_core.models import ModelStore
from sdq_core.models.controlnet import ControlNets
from sdq_core.queue.failures import redis_errors
from sdq_core.queue.in_hand import InHand
from sdq_core.values.dated import dated
from sdq_core.values.variants import SAMPLER_NAMES

_BATCH = "a1111-{date}"


@a1111s
def get_options(request: Request) -> Response:
    """Return the options that there are."""
    name = chosen_model(sources_of(request).settings, state_of(request).models)
    return JSONResponse({CHECKPOINT: name, "samples_format": "png"})


@a1111s
def set_options(request: Request) -> Response:
    """Choose the model; other options are ignored."""
    settings = sources_of(request).settings
    name = json_body(request).get(CHECKPOINT)
    if name is not None:
        choose_model(settings, require_model(settings, state_of(request).models, str(name)))
    return JSONResponse(None)


@a1111s
def list_models(request: Request) -> Response:
    """List the models."""
    store = state_of(request).models
    found = ((name, store.look_for(name).variants) for name in store.names())
    return JSONResponse(
        [
            model_entry(name, str(next(iter(places.values())).folder))
            for name, places in found
            if places
        ]
    )


@a1111s
def list_samplers(request: Request) -> Response:  # noqa: ARG001
    """List the samplers."""
    return JSONResponse(samplers())


@a1111s
def list_schedulers(request: Request) -> Response:  # noqa: ARG001
    """List the schedules."""
    return JSONResponse(schedulers())


@a1111s
def progress(request: Request) -> Response:
    """Return how far the oldest request is that is waited for."""
    drawings = state_of(request).drawings
    oldest = drawings[0] if drawings else None
    hand = _in_hand(sources_of(request), oldest) if oldest else None
    done = oldest.done + (hand.step / max(hand.steps, 1) if hand else 0.0) if oldest else 0.0
    return JSONResponse(
        {
            "progress": min(done / oldest.images, 1.0) if oldest else 0.0,
            "eta_relative": 0.0,
            "state": {
                "skipped": False,
                "interrupted": oldest is not None and oldest.is_interrupted,
                "stopping_generation": False,
                "job": "txt2img" if oldest else "",
                "job_count": len(drawings),
                "job_timestamp": f"{oldest.began:%Y%m%d%H%M%S}" if oldest else "0",
                "job_no": 0,
                "sampling_step": hand.step if hand else 0,
                "sampling_steps": hand.steps if hand else 0,
            },
            "current_image": None,
            "textinfo": None,
        }
    )


@a1111s
def interrupt(request: Request) -> Response:
    """Draw no more of what was asked for here; the image in hand is finished."""
    sources = sources_of(request)
    for drawing in list(state_of(request).drawings):
        drawing.is_interrupted = True
        if drawing.batch_id is not None:
            sources.batch(str(drawing.batch_id)).cancel()
    return JSONResponse({})


@a1111s
async def txt2img(request: Request) -> Response:
    """Draw images of a prompt before all that waits, and return them."""
    return await _draw(request, from_picture=False)


@a1111s
async def img2img(request: Request) -> Response:
    """Draw images of a picture before all that waits, and return them."""
    return await _draw(request, from_picture=True)


@a1111s
def list_controlnets(request: Request) -> Response:
    """List the ControlNets."""
    nets = ControlNets(sources_of(request).settings.models)
    return JSONResponse({"model_list": nets.names()})


@a1111s
def list_annotators(request: Request) -> Response:  # noqa: ARG001
    """List what makes maps of pictures."""
    return JSONResponse({"module_list": list(MODULES)})


async def _draw(request: Request, *, from_picture: bool) -> Response:
    sources, state = sources_of(request), state_of(request)
    with Given(Uploads(sources.settings.home)) as given:

        def read() -> Asked:
            model = chosen_model(sources.settings, state.models)
            return read_asked(json_body(request), model, given, from_picture=from_picture)

        asked = await run_in_threadpool(read)
        with state.drawing(len(asked.line["seed"])) as drawing:
            submitted = await run_in_threadpool(_submit, sources, state.models, asked)
            given.forget()
            return await _drawn(request, asked, drawing, submitted)


async def _drawn(
    request: Request, asked: Asked, drawing: Drawing, submitted: Submitted
) -> Response:
    sources, state = sources_of(request), state_of(request)
    drawing.batch_id, drawing.batch_name = submitted.batch_id, submitted.batch_name
    if drawing.is_interrupted:
        await run_in_threadpool(sources.batch(str(submitted.batch_id)).cancel)
    try:
        outcome = await state.drawn(request, sources, submitted, drawing.count)
    except ClientGoneError:
        return Response(status_code=499)
    return await run_in_threadpool(_answer, sources, asked, outcome.images)


def _submit(sources: Sources, models: ModelStore, asked: Asked) -> Submitted:
    require_model(sources.settings, models, str(asked.line["model"]))
    ledger = sources.connections.ledger()
    try:
        return submit_now(sources.settings, models, ledger, asked.line, batch=_batch(ledger))
    except PromptFileError as error:
        raise of_problems(error) from None


def _batch(ledger: Ledger) -> str:
    """Return the name of the batch that grows: today's first that is not cancelled, for else it would go on."""
    name = dated(_BATCH, datetime.now(UTC))
    for number in count(1):
        one = name if number == 1 else f"{name}-{number}"
        status = ledger.batches.find(one)
        if status is None or status.state is not BatchState.CANCELLED:
            return one
    raise AssertionError("unreachable: there is always a free name")


def _answer(sources: Sources, asked: Asked, images: Sequence[KnownImage]) -> Response:
    failed = [image for image in images if image.status is ImageStatus.FAILED]
    if failed:
        raise ApiError(500, f"The image could not be drawn: {failed[0].error}.")
    drawn = [(image, image.image) for image in images if image.image is not None]
    sent = [as_text(sources.settings, sources.ledger, record.path) for _, record in drawn]
    return JSONResponse(
        {
            "images": sent if asked.sends_images else [],
            "parameters": dict(asked.parameters),
            "info": json.dumps(_info(asked, [image for image, _ in drawn])),
        }
    )


def _info(asked: Asked, images: Sequence[KnownImage]) -> dict[str, JSON]:
    """Return what its clients read of the images; it is sent as a text."""
    if not images:
        return {}
    recipe, seeds = images[0].recipe, [image.seed for image in images]
    version = metadata.version("sdq")
    return {
        "prompt": recipe.prompt,
        "all_prompts": [recipe.prompt] * len(images),
        "negative_prompt": recipe.negative_prompt,
        "all_negative_prompts": [recipe.negative_prompt] * len(images),
        "seed": seeds[0],
        "all_seeds": seeds,
        "width": recipe.width,
        "height": recipe.height,
        "sampler_name": SAMPLER_NAMES[recipe.scheduler],
        "cfg_scale": recipe.guidance_scale,
        "steps": recipe.num_inference_steps,
        "batch_size": asked.parameters.get("batch_size"),
        "sd_model_name": recipe.variant.model,
        "infotexts": [
            write_infotext(image.recipe, image.seed, version=version) for image in images
        ],
        "version": f"sdq {version}",
    }


def _in_hand(sources: Sources, drawing: Drawing) -> InHand | None:
    """Return the image of a request's batch that a worker has in hand; None without one, or without Redis."""
    ledger = sources.existing_ledger
    with suppress(SdqError):
        queues = running_queues(sources.settings, ledger.id) if ledger else None
        if queues is not None:
            with redis_errors():
                found = queues.in_hand.watch(queues.claims.living())
            return next((one for one in found if one.batch == drawing.batch_name), None)
    return None
