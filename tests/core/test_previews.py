"""Previews are told to whoever listens, and stored nowhere."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping

import pytest

from sdq_core.queue.in_hand import InHand
from sdq_core.queue.previews import Preview, PreviewListener
from sdq_core.queue.queues import Queues
from sdq_core.queue.server import RedisServer
from tests.live.batches import in_hand
from worker.drawing.hand import Hand, Showing

PREVIEW = Preview(batch="night", entry=13, seed=7, media_type="image/webp", data=b"RIFF")


def told(listener: PreviewListener) -> Mapping[str, Preview]:
    """Return what is told within a while: what was published may still be under way."""
    deadline = time.monotonic() + 20
    while not listener.newest() and time.monotonic() < deadline:
        time.sleep(0.01)
    return listener.newest()


class Holding(Hand):
    """A hand that holds what a test puts into it."""

    image: InHand | None = in_hand("night")
    preview: Preview | None = PREVIEW


def test_a_preview_is_told_while_somebody_watches_and_stored_nowhere(queues: Queues) -> None:
    showing = Showing(queues.in_hand, Holding(), worker="w", previews=queues.previews)
    listener = queues.previews.listen()
    showing.show()
    assert listener.newest() == {}
    (image,) = queues.in_hand.watch(["w"]) or [in_hand("night")]
    showing._ask_at = 0.0
    showing.show()
    assert told(listener) == {"w": PREVIEW}
    assert PREVIEW.is_of(image)
    assert not PREVIEW.is_of(in_hand("another"))
    assert PREVIEW.uri == "data:image/webp;base64,UklGRg=="
    assert list(queues.connection.scan_iter("*preview*")) == []
    assert queues.previews.listen().newest() == {}  # who comes later waits for the next
    listener.close()


@pytest.mark.parametrize(
    "said", ["", "[]", "[" * 5000, {"media_type": "image/svg+xml"}, {"data": "%"}]
)
def test_what_no_worker_told_is_not_shown(queues: Queues, said: str | dict[str, str]) -> None:
    listener = queues.previews.listen()
    about = {
        "worker": "w",
        "batch": "b",
        "entry": 1,
        "seed": 1,
        "media_type": "image/webp",
        "data": "",
    }
    message = json.dumps(about | said) if isinstance(said, dict) else said
    queues.connection.publish(queues.previews._channel, message)
    queues.previews.tell("another", PREVIEW)
    assert told(listener) == {"another": PREVIEW}
    listener.close()


def test_who_listens_goes_on_when_redis_is_started_anew(
    queues: Queues, redis_server: RedisServer
) -> None:
    listener = queues.previews.listen()
    redis_server.stop()
    redis_server.ensure_running()
    assert listener.newest() == {}
    queues.previews.tell("w", PREVIEW)
    assert told(listener) == {"w": PREVIEW}
    listener.close()
