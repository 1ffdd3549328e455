"""The document says what the server does. `schemathesis run URL/v1/openapi.json` asks more than these tests."""

from __future__ import annotations

from typing import Any

import jsonschema
from starlette.routing import Route

from sdq.web import api
from tests.api.drawing import draw
from tests.web_api.lines import created, line, uploaded
from tests.web_api.serving import Answer, Served

#: Not in the document: it never ends.
ENDLESS = {"/v1/events", "/v1/openapi.json"}


def test_every_call_is_described_and_no_other(idle: Served) -> None:
    document = idle.ask("/v1/openapi.json").json
    described = {
        (path, method.upper()) for path, calls in document["paths"].items() for method in calls
    }
    served = {
        (route.path, method)
        for route in api.routes()
        if isinstance(route, Route) and route.path not in ENDLESS
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert described == served
    assert document["servers"] == [{"url": idle.url}]
    generation = document["components"]["schemas"]["Generation"]["properties"]
    assert generation["size"]["anyOf"][0]["enum"] == ["auto", "128x128"]


def test_answers_are_as_described(idle: Served) -> None:
    document = idle.ask("/v1/openapi.json").json
    client = idle.client()
    created(client, [line("a"), line("b", seed=3)])
    draw(idle.queue, failing=frozenset({3}))
    file_id = uploaded(client, [line("c")])
    idle.queue.submit("a", batch="by hand").batch.pause()
    image = {"prompt": "a red boat", "steps": 2, "seed": 9}
    created(client, [line("drawn", seed=9)])
    draw(idle.queue)
    body = {"input_file_id": file_id, "endpoint": "/v1/images/generations"}
    for method, path, sent in (
        ("get", "/v1/files", None),
        ("get", f"/v1/files/{file_id}", None),
        ("get", "/v1/files/file-output-1", None),
        ("delete", f"/v1/files/{file_id}", None),
        ("post", "/v1/batches", body),
        ("get", "/v1/batches", None),
        ("get", "/v1/batches/batch_1", None),
        ("post", "/v1/batches/batch_2/cancel", b""),
        ("post", "/v1/batches/batch_1/cancel", b""),
        ("post", "/v1/images/generations", image),
        ("get", "/v1/models", None),
        ("get", "/v1/models/demo", None),
        ("get", "/v1/models/other", None),
        ("get", "/sdapi/v1/options", None),
        ("post", "/sdapi/v1/options", {"sd_model_checkpoint": "demo"}),
        ("get", "/sdapi/v1/sd-models", None),
        ("get", "/sdapi/v1/samplers", None),
        ("get", "/sdapi/v1/schedulers", None),
        ("get", "/sdapi/v1/progress", None),
        ("post", "/sdapi/v1/interrupt", b""),
        ("post", "/sdapi/v1/txt2img", {**image, "width": 64}),
        ("post", "/sdapi/v1/img2img", image),
        ("post", "/v1/images/edits", image),
        ("get", "/controlnet/model_list", None),
        ("get", "/controlnet/module_list", None),
        ("get", "/readyz", None),
    ):
        answer = idle.ask(path, sent, method=method.upper())
        jsonschema.validate(answer.json, schema_of(document, method, path, answer))


def schema_of(document: Any, method: str, path: str, answer: Answer) -> dict[str, Any]:
    parts = path.split("/")
    (operation,) = (
        calls[method]
        for template, calls in document["paths"].items()
        if method in calls
        and len(template.split("/")) == len(parts)
        and all(
            a == b or a.startswith("{") for a, b in zip(template.split("/"), parts, strict=True)
        )
        and (template == path or path not in document["paths"])
    )
    schema = operation["responses"][str(answer.status)]["content"]["application/json"]["schema"]
    return {**schema, "components": document["components"]}
