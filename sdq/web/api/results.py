"""The files of results, a line for each request, made from the ledger whenever they are asked for.

    {"id": "batch_req_7_1", "custom_id": "a-1", "response": {"status_code": 200, "request_id": "...", "body": {...}},
     "error": null}

The output has the requests all of whose images are drawn; the errors have those with an image that was given up and,
of a cancelled batch, those that are not drawn.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from starlette.requests import Request

from db.ledger import Ledger
from db.requests import ImageRequest, RequestedImage
from db.values import JSON
from sdq.views.batch_object import ApiBatch, read_batch, result_id, result_of, unix
from sdq.web.api.errors import ApiError, missing
from sdq.web.api.pictures import as_text, url_of
from sdq.web.api.uploads import file_object
from sdq.web.reading import Sources, sources_of


@dataclass(frozen=True, kw_only=True)
class ResultFile:
    """The results of a batch of one kind, `output` or `errors`."""

    kind: str
    batch: ApiBatch
    ledger: Ledger
    picture: Callable[[RequestedImage], Mapping[str, JSON]]

    @property
    def filename(self) -> str:
        """A name for it."""
        return f"batch_{self.batch.status.id}_{self.kind}.jsonl"

    def to_dict(self) -> dict[str, JSON]:
        """Return OpenAI's file object; its size is counted, which takes as long as reading it."""
        status = self.batch.status
        return file_object(
            result_id(self.kind, status.id),
            filename=self.filename,
            created_at=unix(status.completed_at or status.created_at) or 0,
            size_bytes=sum(map(len, self.lines())),
            purpose="batch_output",
        )

    def lines(self) -> Iterator[bytes]:
        """Yield its lines, reading the ledger meanwhile."""
        for number, request in enumerate(self.ledger.programs.requests(self.batch.status.id), 1):
            line = self._output(request) if self.kind == "output" else self._error(request)
            if line is not None:
                about = {
                    "id": f"batch_req_{self.batch.status.id}_{number}",
                    "custom_id": request.custom_id,
                }
                yield (json.dumps({**about, **line}) + "\n").encode()

    def _output(self, request: ImageRequest) -> Mapping[str, JSON] | None:
        if not request.is_settled or request.failures:
            return None
        try:
            pictures = [self.picture(image) for image in request.images]
        except ApiError as error:  # a file is lost
            return _response(error.status, error.in_openais_form())
        finished = max(image.finished_at for image in request.images if image.finished_at)
        return _response(200, {"created": unix(finished), "data": pictures})

    def _error(self, request: ImageRequest) -> Mapping[str, JSON] | None:
        if request.is_settled and request.failures:
            said = "; ".join(f"seed {image.seed}: {image.error}" for image in request.failures)
            return _response(500, ApiError(500, said, code="not_drawn").in_openais_form())
        if not request.is_settled and self.batch.is_cancelled:
            message = "The batch was cancelled before this request was drawn."
            return {"response": None, "error": {"code": "batch_cancelled", "message": message}}
        return None


def find_result(request: Request, file_id: str) -> ResultFile | None:
    """Return the file of results with an id; None for another's. Raise ApiError if there is no such batch."""
    asked = result_of(file_id)
    if asked is None:
        return None
    sources, (kind, number) = sources_of(request), asked
    ledger = sources.existing_ledger
    status = ledger.batches.find(number) if ledger else None
    batch = read_batch(ledger, status) if ledger and status else None
    if ledger is None or batch is None or not batch.said:
        raise missing(f"There is no file {file_id[:100]!r}.", "id")
    return ResultFile(
        kind=kind, batch=batch, ledger=ledger, picture=_picture(request, sources, ledger, batch)
    )


def _picture(
    request: Request, sources: Sources, ledger: Ledger, batch: ApiBatch
) -> Callable[[RequestedImage], Mapping[str, JSON]]:
    in_text = batch.said.get("response_format") == "b64_json"

    def picture(image: RequestedImage) -> Mapping[str, JSON]:
        assert image.path is not None
        if in_text:
            return {"b64_json": as_text(sources.settings, ledger, image.path), "seed": image.seed}
        return {
            "url": url_of(request, image.content_key, image.seed, image.path),
            "seed": image.seed,
        }

    return picture


def _response(status: int, body: Mapping[str, JSON]) -> dict[str, JSON]:
    return {"response": {"status_code": status, "request_id": "", "body": body}, "error": None}
