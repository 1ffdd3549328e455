"""The HTTP interface for programs: OpenAI's Files, Batches and Images, and what AUTOMATIC1111's clients call.

docs/http-api.md describes it for users, `openapi` for programs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sdq.web.api import (
    a1111,
    batches,
    edits,
    events,
    files,
    given,
    images,
    models,
    openapi,
    pictures,
    probes,
    uploads,
)
from sdq.web.api.state import State

__all__ = ["LIMITS", "OPEN", "State", "routes"]

#: Path -> how many bytes it may be sent, where that is more than usual. A form has some around its file.
LIMITS: Mapping[str, int] = {
    "/v1/files": uploads.MOST_BYTES + (1 << 20),
    **dict.fromkeys(
        (
            "/v1/images/generations",
            "/v1/images/edits",
            "/sdapi/v1/txt2img",
            "/sdapi/v1/img2img",
        ),
        given.MOST_BYTES,
    ),
}
#: What is served without the token.
OPEN: frozenset[str] = frozenset({"/healthz", "/readyz"})


def routes() -> list[BaseRoute]:
    """Return the routes, from the root."""
    return [
        _route("/v1/files", get=files.list_files, post=files.upload),
        _route("/v1/files/{file_id}", get=files.get_file, delete=files.delete_file),
        _route("/v1/files/{file_id}/content", get=files.get_content),
        _route("/v1/batches", get=batches.list_batches, post=batches.create_batch),
        _route("/v1/batches/{batch_id}", get=batches.get_batch),
        _route("/v1/batches/{batch_id}/cancel", post=batches.cancel_batch),
        Route("/v1/images/generations", images.generate, methods=["POST"]),
        Route("/v1/images/edits", edits.edit, methods=["POST"]),
        _route("/v1/images/{name}", get=pictures.get_image),
        _route("/v1/models", get=models.list_models),
        _route("/v1/models/{model}", get=models.get_model),
        Route("/v1/events", events.events),
        _route("/v1/openapi.json", get=openapi.get_document),
        _route("/sdapi/v1/options", get=a1111.get_options, post=a1111.set_options),
        _route("/sdapi/v1/sd-models", get=a1111.list_models),
        _route("/sdapi/v1/samplers", get=a1111.list_samplers),
        _route("/sdapi/v1/schedulers", get=a1111.list_schedulers),
        _route("/sdapi/v1/progress", get=a1111.progress),
        _route("/sdapi/v1/interrupt", post=a1111.interrupt),
        Route("/sdapi/v1/txt2img", a1111.txt2img, methods=["POST"]),
        Route("/sdapi/v1/img2img", a1111.img2img, methods=["POST"]),
        _route("/controlnet/model_list", get=a1111.list_controlnets),
        _route("/controlnet/module_list", get=a1111.list_annotators),
        Route("/healthz", probes.healthz),
        _route("/readyz", get=probes.readyz),
        _route("/metrics", get=probes.metrics),
    ]


def _route(path: str, **handlers: Callable[[Request], Response]) -> Route:
    """Return one route for all methods of a path, so that a refused one is told which there are."""
    by_method = {name.upper(): handler for name, handler in handlers.items()}
    if "GET" in by_method:
        by_method["HEAD"] = by_method["GET"]

    def handle(request: Request) -> Response:
        return by_method[request.method](request)

    return Route(path, handle, methods=list(by_method))
