"""A shift waits for trouble that heals, says so once if it lasts, and ends soon after a signal."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable

import pytest

from sdq_core.errors import ConfigurationError, ServiceUnavailableError
from worker.claims.shift import GaveUp, Shift


def failing_for(seconds: float) -> Callable[[], str]:
    until = time.monotonic() + seconds

    def action() -> str:
        if time.monotonic() < until:
            raise ServiceUnavailableError("It is away.")
        return "done"

    return action


def test_short_trouble_is_not_worth_a_word(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert Shift(lambda: None).until_done(failing_for(1.2)) == "done"
    assert caplog.messages == []


def test_lasting_trouble_is_reported_once_and_so_is_its_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    beats: list[float] = []
    with caplog.at_level(logging.INFO):
        shift = Shift(lambda: beats.append(time.monotonic()))
        assert shift.until_done(failing_for(6)) == "done"
    assert caplog.messages == ["It is away. Waiting for it to clear.", "Recovered; continuing."]
    assert beats


def test_what_does_not_heal_passes_through() -> None:
    def refused() -> None:
        raise ConfigurationError("Never.")

    with pytest.raises(ConfigurationError, match=r"Never\."):
        Shift(lambda: None).until_done(refused)


def test_after_a_signal_it_is_tried_a_moment_longer() -> None:
    shift = Shift(lambda: None)
    with shift.signals():
        os.kill(os.getpid(), signal.SIGTERM)
        assert shift.until_done(failing_for(0.7)) == "done"
        began = time.monotonic()
        with pytest.raises(GaveUp):
            shift.until_done(failing_for(60))
    assert time.monotonic() - began < 5


def test_a_signal_ends_a_pause_between_tries() -> None:
    shift = Shift(lambda: None)
    with shift.signals():
        trouble = failing_for(60)

        def action() -> str:
            if time.monotonic() - began > 2 and not shift.stopping:
                os.kill(os.getpid(), signal.SIGTERM)
            return trouble()

        began = time.monotonic()
        with pytest.raises(GaveUp):
            shift.until_done(action)
    assert time.monotonic() - began < 12
