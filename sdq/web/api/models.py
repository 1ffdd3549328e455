"""`/v1/models`: the models that are on this disk."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from db.values import JSON
from sdq.web.api.answers import openais
from sdq.web.api.state import state_of
from sdq.web.api.submitting import require_model
from sdq.web.reading import sources_of
from sdq_core.models import ModelStore


@openais
def list_models(request: Request) -> Response:
    """List the models."""
    return JSONResponse({"object": "list", "data": list(_models(state_of(request).models))})


@openais
def get_model(request: Request) -> Response:
    """Describe a model."""
    settings, models = sources_of(request).settings, state_of(request).models
    name = require_model(settings, models, request.path_params["model"])
    return JSONResponse(_model(models, name))


def _models(store: ModelStore) -> Iterator[dict[str, JSON]]:
    for name in store.names():
        if store.attention_implementations(name):
            yield _model(store, name)


def _model(store: ModelStore, name: str) -> dict[str, JSON]:
    created = 0
    for place in store.look_for(name).variants.values():
        with contextlib.suppress(OSError):
            created = max(created, int(place.folder.stat().st_mtime))
    return {"id": name, "object": "model", "created": created, "owned_by": "sdq"}
