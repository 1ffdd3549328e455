from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.notices.receiver import Receiver, receiving


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A receiver on loopback, which no proxy of the machine is asked for."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("sdq.notices.post._WAITS_S", (0.0, 0.01, 0.02))
    with receiving() as opened:
        yield opened
