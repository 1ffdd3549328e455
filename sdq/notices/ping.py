"""A ping in the convention of healthchecks.io: URL/start when a batch begins, URL/EXIT_CODE when it ends."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from db.values import Notice, NoticeEvent
from sdq.notices.post import post

#: Names our runs among all others.
_RUNS = uuid.UUID("5f0c0b0a-6c1d-4f0e-9d7e-8a1f4b6c2d3e")


def send_ping(url: str, summary: Mapping[str, Any], notice: Notice, ledger_id: str) -> None:
    """Post a summary to a ping URL; raise Undelivered if it is not accepted."""
    started = notice.event is NoticeEvent.STARTED
    # What begins and what ends belong together by the id of the run. A removed batch leaves its own id to the next one.
    batch = f"{notice.batch_id}/{notice.batch_created_at.timestamp()}"
    run = uuid.uuid5(_RUNS, f"{ledger_id}/{batch}/{notice.round}")
    place = ping_url(url, "start" if started else str(summary["exit_code"]), str(run))
    post(place, json.dumps(summary).encode(), lambda: {"Content-Type": "application/json"})


def ping_url(url: str, ending: str, run: str) -> str:
    """Return the URL of a ping: the ending behind its path, the id of the run in its query."""
    parts = urlsplit(url)
    return urlunsplit(
        parts._replace(
            path=f"{parts.path.rstrip('/')}/{ending}",
            query="&".join(filter(None, (parts.query, f"rid={run}"))),
        )
    )
