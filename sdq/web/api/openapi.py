"""`/v1/openapi.json`: the interface for programs that read interfaces, in OpenAPI 3.1."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sdq.web.api.answers import openais
from sdq.web.api.openapi_schemas import (
    ANYTHING,
    FLAG,
    TEXT,
    Schema,
    list_of,
    obj,
    one_of,
    page_of,
    ref,
    schemas,
)
from sdq.web.api.state import state_of
from sdq.web.api.uploads import PURPOSES
from sdq_core.errors import SdqError
from sdq_core.models import ModelStore

_JSON = "application/json"
#: What may always come: a body that is too large, a server that is busy or whose ledger does not answer.
_ALWAYS = {
    401: "The token is missing or not the right one.",
    403: "The server is read-only, or another site's page asked.",
    408: "The body took too long.",
    413: "The body is too large.",
    421: "The server does not go by that name.",
    500: "Something went wrong here.",
    503: "What is needed cannot be reached just now.",
}
_WRONG, _MISSING = {400: "A field cannot be used."}, {404: "There is no such thing."}
_LIMITS = (
    ("limit", {"type": "integer", "minimum": 1, "maximum": 100}),
    ("after", TEXT),
)


@dataclass(frozen=True, kw_only=True)
class _Call:
    """A call.

    answer: its schema, by the type of the content. or_answer: by the other types that it may have instead.
    error: the schema of all that goes wrong.
    """

    path: str
    method: str = "get"
    summary: str
    answer: Schema
    content: str = _JSON
    or_answer: Mapping[str, Schema] = field(default_factory=dict)
    body: Schema | None = None
    body_type: str = _JSON
    query: Sequence[tuple[str, Schema]] = ()
    errors: Mapping[int, str] = field(default_factory=dict)
    error: str = "Error"
    is_open: bool = False


_UPLOAD = obj({"purpose": one_of(*PURPOSES), "file": {"type": "string", "format": "binary"}})
_LINES: Schema = {"type": "string", "description": "JSON objects, one in each line."}
_BINARY: Schema = {"type": "string", "format": "binary"}
_DRAWING = {
    **_WRONG,
    **_MISSING,
    409: "It was cancelled.",
    410: "The image's file is lost.",
    429: "Too many requests wait.",
    504: "It was not drawn in time; it stays queued.",
}
_CALLS = (
    _Call(path="/v1/files", method="post", summary="Upload the file of a batch", answer=ref("File"), body=_UPLOAD,
          body_type="multipart/form-data", errors=_WRONG),
    _Call(path="/v1/files", summary="List uploaded files", answer=page_of("File"), errors=_WRONG | _MISSING,
          query=(("limit", {"type": "integer", "minimum": 1, "maximum": 10_000}), ("after", TEXT), ("purpose", TEXT),
                 ("order", one_of("asc", "desc")))),
    _Call(path="/v1/files/{file_id}", summary="Describe a file", answer=ref("File"), errors=_MISSING),
    _Call(path="/v1/files/{file_id}", method="delete", summary="Delete an uploaded file",
          answer=obj({"id": TEXT, "object": one_of("file"), "deleted": FLAG}), errors=_WRONG | _MISSING),
    _Call(path="/v1/files/{file_id}/content", summary="Get what is in a file", answer=_LINES,
          content="application/jsonl", or_answer={"application/octet-stream": _BINARY}, errors=_MISSING),
    _Call(path="/v1/batches", method="post", summary="Queue the requests of a file", answer=ref("Batch"),
          body=ref("NewBatch"), errors=_WRONG | _MISSING),
    _Call(path="/v1/batches", summary="List batches", answer=page_of("Batch"), query=_LIMITS,
          errors=_WRONG | _MISSING),
    _Call(path="/v1/batches/{batch_id}", summary="Show how a batch stands", answer=ref("Batch"), errors=_MISSING),
    _Call(path="/v1/batches/{batch_id}/cancel", method="post", summary="Cancel a batch", answer=ref("Batch"),
          errors={**_MISSING, 409: "It is completed."}),
    _Call(path="/v1/images/generations", method="post", summary="Draw images and wait for them",
          answer=ref("Images"), body=ref("Generation"), errors=_DRAWING),
    _Call(path="/v1/images/edits", method="post", summary="Draw images of a picture and wait for them",
          answer=ref("Images"), body=ref("Edit"), body_type="multipart/form-data", errors=_DRAWING),
    _Call(path="/v1/images/{name}", summary="Get an image's file", answer=_BINARY, content="image/*",
          errors={**_MISSING, 410: "The image's file is lost."}),
    _Call(path="/v1/models", summary="List models",
          answer=obj({"object": one_of("list"), "data": list_of(ref("Model"))})),
    _Call(path="/v1/models/{model}", summary="Describe a model", answer=ref("Model"), errors=_MISSING),
    _Call(path="/sdapi/v1/options", summary="Show the chosen model", answer=ref("Options"), error="A1111Error"),
    _Call(path="/sdapi/v1/options", method="post", summary="Choose the model", answer={"type": "null"},
          body=ref("NewOptions"), errors=_WRONG | _MISSING, error="A1111Error"),
    _Call(path="/sdapi/v1/sd-models", summary="List models", answer=list_of(ref("Checkpoint")), error="A1111Error"),
    _Call(path="/sdapi/v1/samplers", summary="List samplers", answer=list_of(ref("Sampler")), error="A1111Error"),
    _Call(path="/sdapi/v1/schedulers", summary="List schedules", answer=list_of(ref("Schedule")), error="A1111Error"),
    _Call(path="/sdapi/v1/progress", summary="Show how far the oldest request is", answer=ref("Progress"),
          error="A1111Error"),
    _Call(path="/sdapi/v1/interrupt", method="post", summary="Draw no more of what was asked for here",
          answer=ANYTHING, error="A1111Error"),
    _Call(path="/sdapi/v1/txt2img", method="post", summary="Draw images and wait for them",
          answer=ref("Txt2ImgAnswer"), body=ref("Txt2Img"), errors={**_DRAWING, 422: "A field cannot be used."},
          error="A1111Error"),
    _Call(path="/sdapi/v1/img2img", method="post", summary="Draw images of a picture and wait for them",
          answer=ref("Txt2ImgAnswer"), body=ref("Img2Img"), errors={**_DRAWING, 422: "A field cannot be used."},
          error="A1111Error"),
    _Call(path="/controlnet/model_list", summary="List ControlNets", answer=obj({"model_list": list_of(TEXT)}),
          error="A1111Error"),
    _Call(path="/controlnet/module_list", summary="List what makes maps of pictures",
          answer=obj({"module_list": list_of(TEXT)}), error="A1111Error"),
    _Call(path="/healthz", summary="Say that the process answers", answer=TEXT, content="text/plain", is_open=True),
    _Call(path="/readyz", summary="Say whether ledger and Redis answer", answer=obj({"ledger": FLAG, "redis": FLAG}),
          is_open=True),
    _Call(path="/metrics", summary="Get metrics in Prometheus' text format", answer=TEXT, content="text/plain"),
)  # fmt: skip


@openais
def get_document(request: Request) -> Response:
    """Return the document, with the address at which the client reaches this server, and the sizes of its models."""
    made = document(frozenset(_sizes(state_of(request).models)))
    return JSONResponse({**made, "servers": [{"url": str(request.base_url).rstrip("/")}]})


@cache
def document(sizes: frozenset[tuple[int, int]]) -> dict[str, Any]:
    """Return the document. sizes: width and height of what can be drawn."""
    paths: dict[str, dict[str, Any]] = {}
    for call in _CALLS:
        paths.setdefault(call.path, {})[call.method] = _operation(call)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "sdq",
            "version": metadata.version("sdq"),
            "description": "docs/http-api.md describes it. /v1/events, which never ends, is not listed.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas(sizes),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "password": {"type": "http", "scheme": "basic"},
            },
        },
        "security": [{"token": []}, {"password": []}],
    }


def _sizes(store: ModelStore) -> Iterator[tuple[int, int]]:
    """Yield the sizes of the models that can be used."""
    for name in store.names():
        for attention in store.attention_implementations(name):
            with suppress(SdqError):
                found = store.find(name, attention)
                yield found.width, found.height


def _operation(call: _Call) -> dict[str, Any]:
    answers = {"200": _answer("It was done.", {call.content: call.answer, **call.or_answer})}
    for status, sentence in sorted({**_ALWAYS, **call.errors}.items()):
        answers[str(status)] = _answer(sentence, {_JSON: ref(call.error)})
    made: dict[str, Any] = {"summary": call.summary, "responses": answers}
    names = [part[1:-1] for part in call.path.split("/") if part.startswith("{")]
    places = [_place(name, "path", TEXT, required=True) for name in names]
    places += [_place(name, "query", schema, required=False) for name, schema in call.query]
    if places:
        made["parameters"] = places
    if call.body is not None:
        made["requestBody"] = {"required": True, "content": {call.body_type: {"schema": call.body}}}
    if call.is_open:
        made["security"] = []
    return made


def _answer(sentence: str, schemas: Mapping[str, Schema]) -> dict[str, Any]:
    content = {kind: {"schema": schema} for kind, schema in schemas.items()}
    return {"description": sentence, "content": content}


def _place(name: str, where: str, schema: Schema, *, required: bool) -> dict[str, Any]:
    return {"name": name, "in": where, "required": required, "schema": schema}
