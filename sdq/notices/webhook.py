"""A webhook as Standard Webhooks has it (https://www.standardwebhooks.com): one id for all tries, and a signature."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sdq.notices.post import post
from sdq.views.status import rfc3339
from sdq_core.values.receivers import check_signing_secret


def call_webhook(
    url: str,
    summary: Mapping[str, Any],
    *,
    message_id: str,
    happened_at: datetime,
    secret: str | None,
) -> None:
    """Post a summary as the data of an event; raise Undelivered if it is not accepted.

    secret: as Standard Webhooks writes it, with `whsec_`; None to send it unsigned.
    """
    event = {
        "type": f"batch.{summary['event']}",
        "timestamp": rfc3339(happened_at),
        "data": summary,
    }
    body = json.dumps(event).encode()
    post(url, body, lambda: signed_headers(message_id, body, secret, round(time.time())))


def signed_headers(
    message_id: str, body: bytes, secret: str | None, timestamp: int
) -> dict[str, str]:
    """Return the headers of a message, signed by HMAC-SHA256 over id, time (s since 1970) and body."""
    headers = {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
    }
    if secret is not None:
        content = f"{message_id}.{timestamp}.".encode() + body
        digest = hmac.new(check_signing_secret(secret), content, hashlib.sha256).digest()
        headers["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
    return headers
