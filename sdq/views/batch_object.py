"""A batch as OpenAI's clients have it, for all programs: times are Unix seconds, ids are texts.

Of a batch that came by `/v1/batches`, a request is a line of its file. Batches of other origin are shown too: of these,
each image is a request, and there are no files of results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from db.ledger import Ledger
from db.values import JSON, BatchRequest, BatchState, BatchStatus
from sdq.views.status import status_word

#: Where requests for images go, over HTTP.
ENDPOINT = "/v1/images/generations"
#: The option of a batch that keeps what its creator said.
OPTION = "openai"

_ID, _RESULTS = "batch_", {"output": "file-output-", "errors": "file-errors-"}


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Requests by what became of them."""

    total: int
    completed: int
    failed: int

    @property
    def left(self) -> int:
        """Those of which more may come."""
        return self.total - self.completed - self.failed


@dataclass(frozen=True, kw_only=True)
class ApiBatch:
    """A batch with what its creator said; `said` is empty for those of other origin."""

    status: BatchStatus
    model: str | None
    said: Mapping[str, JSON]
    counts: Counts

    @property
    def is_over(self) -> bool:
        """Whether nothing more is drawn of it, as it stands."""
        return bool(self.status.completed_at) or self.status.state is BatchState.CANCELLED

    @property
    def is_cancelled(self) -> bool:
        """Whether it ended before all of it was drawn."""
        return not self.status.completed_at and self.status.state is BatchState.CANCELLED

    def to_dict(self, **more: JSON) -> dict[str, JSON]:
        """Return OpenAI's batch object; what sdq knows beyond it is in `sdq`. more: of that."""
        status, counts = self.status, self.counts
        has_errors = counts.failed or (self.is_cancelled and counts.left)
        has_files = self.is_over and bool(self.said)
        return {
            "id": batch_id(status.id),
            "object": "batch",
            "endpoint": self.said.get("endpoint", ENDPOINT),
            "model": self.model,
            "errors": None,
            "input_file_id": self.said.get("input_file_id", ""),
            "completion_window": self.said.get("completion_window", "24h"),
            "status": status_in_openais_words(status),
            "output_file_id": result_id("output", status.id)
            if has_files and counts.completed
            else None,
            "error_file_id": result_id("errors", status.id) if has_files and has_errors else None,
            "created_at": unix(status.created_at),
            "in_progress_at": unix(status.started_at),
            "expires_at": None,
            "finalizing_at": unix(status.completed_at),
            "completed_at": unix(status.completed_at),
            "failed_at": None,
            "expired_at": None,
            "cancelling_at": None,
            "cancelled_at": None,
            "request_counts": {
                "total": counts.total,
                "completed": counts.completed,
                "failed": counts.failed,
            },
            "metadata": self.said.get("metadata"),
            "sdq": {**own_facts(status), **more},
        }


def own_facts(status: BatchStatus) -> dict[str, JSON]:
    """Return what OpenAI's object has no place for. Counts are of images."""
    return {
        "name": status.name,
        "state": status_word(status),
        "priority": str(status.rank.priority),
        "at_front": status.rank.place > 0,
        "images": {
            "total": status.total,
            "completed": status.completed,
            "failed": status.failed,
        },
        "images_per_hour": None
        if status.images_per_hour is None
        else round(status.images_per_hour, 1),
        "eta_seconds": None if status.eta_s is None else round(status.eta_s),
    }


def status_in_openais_words(status: BatchStatus) -> str:
    """Return OpenAI's word; one that is queued or paused is in progress, as its file is checked."""
    word = status_word(status)
    return word if word in {"completed", "cancelled"} else "in_progress"


def batch_object(ledger: Ledger, status: BatchStatus, **more: JSON) -> dict[str, JSON]:
    """Return a batch for JSON. more: what a command tells beside it, in `sdq`."""
    return read_batch(ledger, status).to_dict(**more)


def batch_objects(ledger: Ledger, statuses: Sequence[BatchStatus]) -> list[dict[str, JSON]]:
    """Return batches for JSON, without those that were removed meanwhile."""
    if not statuses:
        return []
    ids = [status.id for status in statuses]
    asked = ledger.batches.requests(min(ids), max(ids))
    return [
        read_batch(ledger, status, asked[status.id]).to_dict()
        for status in statuses
        if status.id in asked
    ]


def read_batch(
    ledger: Ledger, status: BatchStatus, request: BatchRequest | None = None
) -> ApiBatch:
    """Return a batch with what its creator said and its counts of requests. request: its own, if it was read before."""
    given = (request or ledger.batches.request(status.id)).options.given
    said = given.get(OPTION) or {}
    model = said.get("model") or given.get("model")
    return ApiBatch(status=status, model=model, said=said, counts=_counts(ledger, status, said))


def find_batch(ledger: Ledger | None, given: str) -> BatchStatus | None:
    """Return the batch with an id as clients have it; None if there is none."""
    number = given.removeprefix(_ID)
    if ledger is None or number == given or not _is_number(number):
        return None
    return ledger.batches.find(int(number))


def batch_id(number: int) -> str:
    """Return a batch's id as clients have it."""
    return f"{_ID}{number}"


def result_id(kind: str, number: int) -> str:
    """Return the id of a batch's file of results. kind: `output` or `errors`."""
    return f"{_RESULTS[kind]}{number}"


def result_of(file_id: str) -> tuple[str, int] | None:
    """Return which results of which batch a file's id means; None for another file."""
    for kind, beginning in _RESULTS.items():
        number = file_id.removeprefix(beginning)
        if number != file_id and _is_number(number):
            return kind, int(number)
    return None


def unix(moment: datetime | None) -> int | None:
    """Return a time as OpenAI has it."""
    return None if moment is None else int(moment.timestamp())


def _counts(ledger: Ledger, status: BatchStatus, said: Mapping[str, JSON]) -> Counts:
    """Return the counts of requests. The ledger has those of images, which are the same where each asks for one."""
    asked, images = said.get("requests"), said.get("images")
    if not said or asked == images == status.total:
        return Counts(total=status.total, completed=status.completed, failed=status.failed)
    if images == status.total:  # no two ask for the same image, so each has a slice of its own
        total, completed, failed = ledger.programs.slices(status.id)
        return Counts(total=total, completed=completed, failed=failed)
    requests = list(ledger.programs.requests(status.id))
    settled = [request for request in requests if request.is_settled]
    failed = sum(1 for request in settled if request.failures)
    return Counts(total=len(requests), completed=len(settled) - failed, failed=failed)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 19
