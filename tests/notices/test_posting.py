"""Webhooks as Standard Webhooks verifies them, pings as healthchecks.io reads them; tries, and answers that end it."""

from __future__ import annotations

import json
import threading
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook

from sdq.notices import post as posting
from sdq.notices.ping import ping_url
from sdq.notices.post import post
from sdq.notices.undelivered import Undelivered
from sdq.notices.webhook import call_webhook
from tests.notices.receiver import Receiver

SECRET = "whsec_" + b64encode(bytes(range(32))).decode()
SUMMARY = {"event": "completed", "name": "nächtlich", "request_counts": {"total": 3}}
AT = datetime(2026, 11, 26, 5, 4, 3, tzinfo=UTC)


def call(receiver: Receiver, secret: str | None = SECRET) -> None:
    call_webhook(
        f"{receiver.url}/hook/s3cret", SUMMARY, message_id="msg_a_7", happened_at=AT, secret=secret
    )


def test_a_webhook_is_what_standard_webhooks_verifies(receiver: Receiver) -> None:
    call(receiver)
    (request,) = receiver.requests
    assert request.path == "/hook/s3cret"
    verified: Any = Webhook(SECRET).verify(
        request.body, {k.lower(): v for k, v in request.headers.items()}
    )
    assert verified == {
        "type": "batch.completed",
        "timestamp": "2026-11-26T05:04:03Z",
        "data": SUMMARY,
    }
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["User-Agent"].startswith("sdq/")


def test_without_a_secret_it_is_not_signed(receiver: Receiver) -> None:
    call(receiver, None)
    assert "webhook-signature" not in {name.lower() for name in receiver.requests[0].headers}


def test_it_is_tried_three_times_under_one_id(receiver: Receiver) -> None:
    receiver.answer = lambda number: 204 if number == 3 else (503, 429)[number - 1]
    call(receiver)
    ids = {request.headers["Webhook-Id"] for request in receiver.requests}
    assert (len(receiver.requests), ids) == (3, {"msg_a_7"})

    receiver.answer = lambda _number: 500
    with pytest.raises(Undelivered, match="answered 500 Internal Server Error"):
        call(receiver)
    assert len(receiver.requests) == 6


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (404, "answered 404 Not Found"),
        (301, "answered 301 Moved Permanently: it has moved"),
        (499, "answered 499"),
    ],
)
def test_an_answer_that_will_not_change_ends_it(receiver: Receiver, status: int, says: str) -> None:
    receiver.answer = lambda _number: status
    with pytest.raises(Undelivered, match=says):
        call(receiver)
    assert receiver.paths == ["/hook/s3cret"]  # and no redirect is followed


def test_a_receiver_that_is_silent_is_left(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "PATIENCE_S", 0.3)
    over = threading.Event()
    receiver.answer = lambda _number: 204 if over.wait(30) else 500
    with pytest.raises(Undelivered, match=r"did not answer within 0\.3 s"):
        call(receiver)
    over.set()
    assert 1 <= len(receiver.requests) <= 3


def test_nobody_at_the_other_end_is_said_without_the_url(receiver: Receiver) -> None:
    with pytest.raises(Undelivered, match="cannot be reached") as caught:
        post("http://127.0.0.1:1/hook/s3cret", b"", dict)
    assert "s3cret" not in str(caught.value)
    with pytest.raises(Undelivered, match="cannot be reached") as caught:
        post("file:///etc/s3cret", b"", dict)
    assert "s3cret" not in str(caught.value)


def test_a_login_becomes_a_header(receiver: Receiver) -> None:
    post(receiver.url.replace("//", "//ann:s3%40cret@"), b"{}", dict)
    expected = b64encode(b"ann:s3@cret").decode()
    assert receiver.requests[0].headers["Authorization"] == f"Basic {expected}"


@pytest.mark.parametrize(
    ("url", "ending", "becomes"),
    [
        ("https://hc-ping.com/a-b", "start", "https://hc-ping.com/a-b/start?rid=R"),
        ("https://hc-ping.com/a-b/", "0", "https://hc-ping.com/a-b/0?rid=R"),
        ("https://h/key/slug?create=1", "3", "https://h/key/slug/3?create=1&rid=R"),
        ("http://h", "0", "http://h/0?rid=R"),
    ],
)
def test_a_ping_keeps_what_its_url_has(url: str, ending: str, becomes: str) -> None:
    assert ping_url(url, ending, "R") == becomes


def test_a_summary_is_json_whatever_its_names_are(receiver: Receiver) -> None:
    call(receiver, None)
    assert json.loads(receiver.requests[0].body)["data"]["name"] == "nächtlich"
