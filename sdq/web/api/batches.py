"""`/v1/batches`: create, look at, list and cancel batches."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from db.ledger import Ledger
from db.values import JSON, BatchStatus
from producer import PromptSource, describe_source
from producer.reading.fields import parse_meta
from sdq.views.batch_object import ENDPOINT, OPTION, find_batch, read_batch, status_in_openais_words
from sdq.web.api.answers import json_body, openais, page_of, whole_number
from sdq.web.api.batch_input import read_batch_input
from sdq.web.api.errors import ApiError, invalid, missing, wrong
from sdq.web.api.given import Given
from sdq.web.api.state import state_of
from sdq.web.api.submitting import require_model, submit_batch
from sdq.web.api.uploads import Uploads
from sdq.web.reading import Sources, sources_of
from sdq_core.errors import PromptFileError

_USUAL, _MOST = 20, 100
_MOST_PAIRS, _MOST_KEY_CHARS, _MOST_VALUE_CHARS = 16, 64, 512


@openais
def create_batch(request: Request) -> Response:
    """Queue the requests of an uploaded file; asked again with the same Idempotency-Key, add nothing."""
    with Given(Uploads(sources_of(request).settings.home)) as given:
        return _created(request, given)


def _created(request: Request, given: Given) -> Response:
    sources, body = sources_of(request), json_body(request)
    if body.get("endpoint") != ENDPOINT:
        raise wrong(f"endpoint has to be {ENDPOINT}.", "endpoint")
    file_id = body.get("input_file_id")
    if not isinstance(file_id, str):
        raise wrong("input_file_id has to be the id of an uploaded file.", "input_file_id")
    metadata = _metadata(body.get("metadata"))
    upload = Uploads(sources.settings.home).find(file_id)
    asked = read_batch_input(upload.path, upload.id, given)
    models = state_of(request).models
    for model in {line["model"] for line in asked.lines if line.get("model")}:
        require_model(sources.settings, models, str(model))
    key = request.headers.get("idempotency-key") or secrets.token_hex()
    recorded = {
        "input_file_id": upload.id,
        "endpoint": ENDPOINT,
        "completion_window": str(body.get("completion_window", "24h"))[:20],
        "metadata": metadata,
        "model": asked.model,
        "response_format": asked.response_format,
        "requests": len(asked.lines),
        "images": sum(len(line["seed"]) for line in asked.lines),
    }
    ledger = sources.connections.ledger()
    try:
        added = submit_batch(
            sources.settings,
            models,
            ledger,
            asked.lines,
            source=PromptSource(
                name=describe_source([upload.filename]).name,
                text=f"/v1/batches: {upload.id} {hashlib.sha256(key.encode()).hexdigest()[:16]}",
            ),
            recorded={OPTION: recorded},
        )
    except PromptFileError as error:
        raise asked.refusal(error) from None
    return _answer(ledger, _status(sources, f"batch_{added.batch_id}"))


@openais
def list_batches(request: Request) -> Response:
    """List batches, the newest first."""
    sources = sources_of(request)
    limit = whole_number(request, "limit", _USUAL, _MOST)
    after = request.query_params.get("after")
    before = _status(sources, after, "after").id if after else None
    ledger = sources.existing_ledger
    if ledger is None:
        return page_of([], has_more=False)
    found = ledger.browsing.statuses_before(before, limit + 1)
    return page_of(
        [read_batch(ledger, status).to_dict() for status in found[:limit]],
        has_more=len(found) > limit,
    )


@openais
def get_batch(request: Request) -> Response:
    """Return how a batch stands."""
    sources = sources_of(request)
    return _answer(sources.ledger, _status(sources, request.path_params["batch_id"]))


@openais
def cancel_batch(request: Request) -> Response:
    """Cancel a batch; the images in hand are finished."""
    sources, given = sources_of(request), request.path_params["batch_id"]
    status = _status(sources, given)
    if status.completed_at:
        word = status_in_openais_words(status)
        raise ApiError(
            409,
            f"A batch with the status {word} cannot be cancelled.",
            param="batch_id",
            headers={"x-should-retry": "false"},
        )
    sources.batch(str(status.id)).cancel()
    return _answer(sources.ledger, _status(sources, given))


def _status(sources: Sources, given: str, param: str = "batch_id") -> BatchStatus:
    status = find_batch(sources.existing_ledger, given)
    if status is None:
        raise missing(f"There is no batch {given[:100]!r}.", param)
    return status


def _answer(ledger: Ledger, status: BatchStatus) -> Response:
    return JSONResponse(read_batch(ledger, status).to_dict())


def _metadata(given: JSON) -> Mapping[str, str] | None:
    if given is None:
        return None
    fits = (
        isinstance(given, dict)
        and len(given) <= _MOST_PAIRS
        and all(
            isinstance(value, str)
            and len(key) <= _MOST_KEY_CHARS
            and len(value) <= _MOST_VALUE_CHARS
            for key, value in given.items()
        )
    )
    if not fits:
        raise wrong(
            f"metadata may have {_MOST_PAIRS} texts of {_MOST_VALUE_CHARS} characters, with keys of {_MOST_KEY_CHARS}.",
            "metadata",
        )
    with invalid("metadata"):
        parse_meta(given)
    return dict(given)
