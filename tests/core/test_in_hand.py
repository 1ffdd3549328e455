"""Workers say in Redis what they have in hand, and only while somebody watches."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sdq_core.queue.in_hand import InHand
from sdq_core.queue.queues import Queues
from sdq_core.queue.server import RedisServer
from tests.live.batches import in_hand
from worker.drawing.hand import Hand, Showing


def keys(queues: Queues) -> list[Any]:
    return sorted(queues.connection.scan_iter("sdq:*hand*"))


class Holding(Hand):
    """A hand that holds what a test puts into it."""

    image: InHand | None = None  # type: ignore[assignment]


def test_nothing_is_said_while_nobody_watches(queues: Queues) -> None:
    hand = Holding()
    hand.image = in_hand("night")
    showing = Showing(queues.in_hand, hand, worker="w")
    showing.show()
    assert keys(queues) == []
    assert queues.in_hand.watch(["w"]) == []
    showing.show()  # it asks every few seconds
    assert keys(queues) == []
    showing._ask_at = 0.0
    showing.show()
    assert queues.in_hand.watch(["w", "another"]) == [in_hand("night")]
    assert all(0 < queues.connection.ttl(key) <= 5 for key in keys(queues))


def test_a_long_prompt_is_cut(queues: Queues) -> None:
    queues.in_hand.show("w", in_hand("night", prompt="灯" * 100_000))
    (image,) = queues.in_hand.watch(["w"])
    assert 10 < len(image.prompt) < 1000


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"\xff",
        b"[]",
        b"7",
        b'{"batch": "b"}',
        b"[" * 100_000,
        json.dumps({"batch": "b", "entry": "x", "seed": 1, "prompt": "", "step": 1, "steps": 1}),
        b'{"batch": "b", "entry": 1e999, "seed": 1, "prompt": "", "step": 1, "steps": 1}',
    ],
)
def test_what_no_worker_said_is_not_shown(queues: Queues, said: bytes | str) -> None:
    queues.in_hand.show("w", in_hand("night"))
    (key,) = keys(queues)
    queues.connection.set(key, said)
    assert queues.in_hand.watch(["w"]) == []


def test_a_redis_that_is_gone_is_no_trouble(queues: Queues, redis_server: RedisServer) -> None:
    showing = Showing(queues.in_hand, Hand(), worker="w")
    redis_server.stop()
    showing.show()
