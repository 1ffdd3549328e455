"""The HTTP interface for programs: OpenAI's Files, Batches and Images, and what AUTOMATIC1111's clients call.

docs/http-api.md describes it for users, `openapi` for programs.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.routing import BaseRoute, Route

from sdq.web.api import a1111, batches, events, files, images, models, openapi, pictures, probes
from sdq.web.api.events import writers
from sdq.web.api.state import State
from sdq.web.api.uploads import MOST_BYTES

__all__ = ["LIMITS", "OPEN", "State", "routes", "writers"]

#: Path -> how many bytes it may be sent, where that is more than usual. A form has some around its file.
LIMITS: Mapping[str, int] = {"/v1/files": MOST_BYTES + (1 << 20)}
#: What is served without the token.
OPEN: frozenset[str] = frozenset({"/healthz", "/readyz"})


def routes() -> list[BaseRoute]:
    """Return the routes, from the root."""
    return [
        Route("/v1/files", files.upload, methods=["POST"]),
        Route("/v1/files", files.list_files),
        Route("/v1/files/{file_id}", files.get_file),
        Route("/v1/files/{file_id}", files.delete_file, methods=["DELETE"]),
        Route("/v1/files/{file_id}/content", files.get_content),
        Route("/v1/batches", batches.create_batch, methods=["POST"]),
        Route("/v1/batches", batches.list_batches),
        Route("/v1/batches/{batch_id}", batches.get_batch),
        Route("/v1/batches/{batch_id}/cancel", batches.cancel_batch, methods=["POST"]),
        Route("/v1/images/generations", images.generate, methods=["POST"]),
        Route("/v1/images/{name}", pictures.get_image),
        Route("/v1/models", models.list_models),
        Route("/v1/models/{model}", models.get_model),
        Route("/v1/events", events.events),
        Route("/v1/openapi.json", openapi.get_document),
        Route("/sdapi/v1/options", a1111.get_options),
        Route("/sdapi/v1/options", a1111.set_options, methods=["POST"]),
        Route("/sdapi/v1/sd-models", a1111.list_models),
        Route("/sdapi/v1/samplers", a1111.list_samplers),
        Route("/sdapi/v1/schedulers", a1111.list_schedulers),
        Route("/sdapi/v1/progress", a1111.progress),
        Route("/sdapi/v1/interrupt", a1111.interrupt, methods=["POST"]),
        Route("/sdapi/v1/txt2img", a1111.txt2img, methods=["POST"]),
        Route("/healthz", probes.healthz),
        Route("/readyz", probes.readyz),
        Route("/metrics", probes.metrics),
    ]
