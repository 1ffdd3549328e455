"""What a notice says: one JSON object for programs, a few lines for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from db.ledger import Ledger
from db.summaries.causes import Causes
from db.values import BatchStatus, FailedImage, Notice, NoticeEvent
from sdq.views.batch_object import batch_object
from sdq.views.report.sentences import batch_headline, retry_command
from sdq_core.errors import EXIT_CONFIGURATION, EXIT_OK, EXIT_SOME_IMAGES_FAILED
from sdq_core.images.filing import Filing
from sdq_core.settings import Settings

#: Of more failed images, the causes are not counted: a notice must be short, and `sdq report` counts all.
_MOST_FAILED = 10_000
_MOST_CAUSES = 10
_CAUSES_TOLD = 3


def summary_of(
    settings: Settings, ledger: Ledger, notice: Notice, status: BatchStatus
) -> dict[str, Any]:
    """Return the summary of a batch: what `sdq status --json` has of it, why images failed, and what is paused."""
    failed = ledger.batches.failed_images(status.id, _MOST_FAILED) if status.failed else []
    filing = Filing.of(ledger.batches.request(status.id).options.given)
    paused = {
        variant.key: (str(variant), reason)
        for variant, reason in ledger.batches.open_variants(status.id).items()
        if reason is not None
    }
    return {
        **batch_object(ledger, status),
        "event": str(notice.event),
        "headline": _headline(notice, status, paused),
        "exit_code": _exit_code(notice, status),
        "folder": str(settings.outputs / filing.folder(status.name)),
        "report": None,
        "failures": _failures(status, failed),
        "paused": [
            {"variant": variant, "key": key, "reason": reason}
            for key, (variant, reason) in paused.items()
        ],
    }


def text_of(summary: Mapping[str, Any]) -> str:
    """Return what people are told."""
    lines = [summary["headline"]]
    lines += [
        f"{failure['count']:,} failed: {failure['error']}"
        for failure in summary["failures"][:_CAUSES_TOLD]
    ]
    lines += [f"{held['variant']} is paused: {held['reason']}" for held in summary["paused"]]
    return "\n".join(lines)


def _headline(notice: Notice, status: BatchStatus, paused: Mapping[str, tuple[str, str]]) -> str:
    if notice.event is NoticeEvent.STARTED:
        return f"The first of {status.total:,} images is being drawn."
    if notice.event is NoticeEvent.PAUSED and paused:
        return f"Drawing is paused: too many images failed in a row. {batch_headline(status)}"
    return batch_headline(status)


def _exit_code(notice: Notice, status: BatchStatus) -> int:
    """Return the code with which `sdq run` would end."""
    if notice.event is NoticeEvent.PAUSED:
        return EXIT_CONFIGURATION
    return EXIT_SOME_IMAGES_FAILED if status.failed else EXIT_OK


def _failures(status: BatchStatus, failed: Sequence[FailedImage]) -> list[dict[str, Any]]:
    causes = Causes()
    for image in failed:
        causes.add(status.name, image.error)
    found, _ = causes.most_frequent(_MOST_CAUSES)
    retry = [retry_command(status.name)]
    return [{"error": cause.error, "count": cause.count, "retry": retry} for cause in found]
