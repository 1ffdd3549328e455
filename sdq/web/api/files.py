"""`/v1/files`: files for batches, and what came of these."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse

from sdq.web.api.answers import openais, page_of, whole_number
from sdq.web.api.errors import missing, wrong
from sdq.web.api.results import find_result
from sdq.web.api.uploads import PURPOSES, Uploads
from sdq.web.multipart import read_form
from sdq.web.reading import sources_of

#: As many as there may be: OpenAI's own limit of a page.
_MOST = 10_000
_JSONL = "application/jsonl"
_BLOCK_BYTES = 1 << 18


@openais
def upload(request: Request) -> Response:
    """Keep a file for a batch, or a picture that its lines name."""
    with read_form(request) as form:
        purpose = form.fields.get("purpose")
        if purpose not in PURPOSES:
            raise wrong("purpose has to be batch, or vision for a picture.", "purpose")
        if not form.files:
            raise wrong("file is missing.", "file")
        first = form.files[0]
        kept = _uploads(request).add(first.content, first.name, purpose)
    return JSONResponse(kept.to_dict())


@openais
def list_files(request: Request) -> Response:
    """List the uploaded files."""
    limit = whole_number(request, "limit", _MOST, _MOST)
    found = [one.to_dict() for one in _uploads(request).all()]
    if purpose := request.query_params.get("purpose"):
        found = [one for one in found if one["purpose"] == purpose]
    order = request.query_params.get("order", "desc")
    if order not in {"asc", "desc"}:
        raise wrong("order has to be asc or desc.", "order")
    if order == "asc":
        found.reverse()
    if after := request.query_params.get("after"):
        ids = [one["id"] for one in found]
        if after not in ids:
            raise missing(f"There is no file {after[:100]!r}.", "after")
        found = found[ids.index(after) + 1 :]
    return page_of(found[:limit], has_more=len(found) > limit)


@openais
def get_file(request: Request) -> Response:
    """Describe a file."""
    if result := find_result(request, request.path_params["file_id"]):
        return JSONResponse(result.to_dict())
    return JSONResponse(_uploads(request).find(request.path_params["file_id"]).to_dict())


@openais
def get_content(request: Request) -> Response:
    """Return what is in a file."""
    if result := find_result(request, request.path_params["file_id"]):
        return StreamingResponse(
            _blocks(result.lines()), media_type=_JSONL, headers=_named(result.filename)
        )
    kept = _uploads(request).find(request.path_params["file_id"])
    if kept.purpose != "batch":
        return FileResponse(
            kept.path, media_type="application/octet-stream", headers=_named(kept.id)
        )
    return FileResponse(kept.path, media_type=_JSONL, headers=_named(f"{kept.id}.jsonl"))


@openais
def delete_file(request: Request) -> Response:
    """Delete an uploaded file."""
    file_id = request.path_params["file_id"]
    if find_result(request, file_id):
        raise wrong(
            "This file is made from the ledger whenever it is asked for. `sdq prune` removes batches.",
            "id",
        )
    _uploads(request).remove(file_id)
    return JSONResponse({"id": file_id, "object": "file", "deleted": True})


def _blocks(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield lines many at a time: each block goes through a thread of its own, which costs more than most lines."""
    block = bytearray()
    for line in lines:
        block += line
        if len(block) >= _BLOCK_BYTES:
            yield bytes(block)
            block.clear()
    yield bytes(block)


def _uploads(request: Request) -> Uploads:
    return Uploads(sources_of(request).settings.home)


def _named(filename: str) -> dict[str, str]:
    return {"content-disposition": f'attachment; filename="{filename}"'}
