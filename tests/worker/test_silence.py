"""A worker elsewhere is dead when its heartbeat has not changed for a while, by the observer's own clock."""

from __future__ import annotations

import pytest

from worker.claims import silence
from worker.claims.silence import Silence


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(silence, "time", clock)
    return clock


def listen(heard: Silence, clock: Clock, *beats: dict[str, int], every_s: float = 5.0) -> None:
    for beat in beats:
        clock.now += every_s
        heard.listen(beat)


def test_three_missed_heartbeats_are_a_death(clock: Clock) -> None:
    heard = Silence()
    listen(heard, clock, *[{"a": 4, "b": number} for number in range(3)])
    assert heard.dead() == {}
    listen(heard, clock, {"a": 4, "b": 3})
    assert heard.dead() == {"a": 4}
    listen(heard, clock, {"a": 5, "b": 4})
    assert heard.dead() == {}, "it was only slow"


def test_who_did_not_listen_knows_nothing(clock: Clock) -> None:
    """A suspended machine, or a Redis that was away: the others had no chance either."""
    heard = Silence()
    listen(heard, clock, *[{"a": 4}] * 3)
    listen(heard, clock, {"a": 4}, every_s=3600)
    assert heard.dead() == {}
    listen(heard, clock, *[{"a": 4}] * 2)
    assert heard.dead() == {}
    listen(heard, clock, {"a": 4})
    assert heard.dead() == {"a": 4}


def test_what_is_forgotten_is_silent_from_the_beginning_again(clock: Clock) -> None:
    heard = Silence()
    listen(heard, clock, *[{"a": 4}] * 4)
    assert heard.dead() == {"a": 4}
    heard.forget("a")
    assert heard.dead() == {}
    listen(heard, clock, *[{"a": 4}] * 3)
    assert heard.dead() == {}
