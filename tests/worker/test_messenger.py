"""A worker's messenger starts a child for each notice, waits for none, and leaves to others what is theirs."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from db.ledger import Ledger
from sdq_core.values.receivers import Receivers
from tests.ledger.nights import draw
from tests.ledger.plans import plan
from worker import messenger as messengers
from worker.messenger import Messenger, Sender

#: What a sender does: it closes its notice.
CLOSES = (
    "import sys; from db.ledger import Ledger\n"
    "with Ledger.open({url!r}) as ledger: ledger.notices.finish(int(sys.argv[1]), sys.argv[2])\n"
)


class Told:
    """A ledger, and messengers of it."""

    def __init__(self, folder: Path) -> None:
        self.url = f"sqlite:///{folder / 'sdq.db'}"
        self.ledger = Ledger.open(self.url)
        self.living: Collection[str] | None = {"w"}

    def messenger(
        self, does: str = CLOSES, *, worker: str = "w", webhook: str | None = "https://h/x",
        deadline_s: float = 60.0,
    ) -> Messenger:  # fmt: skip
        return Messenger(
            ledger=self.ledger,
            worker=worker,
            living=lambda: self.living,
            defaults=Receivers(webhook=webhook),
            reports=False,
            sender=Sender(
                command=[sys.executable, "-P", "-c", does.format(url=self.url)],
                environment=dict(os.environ),
            ),
            deadline_s=deadline_s,
        )

    def end(self, name: str = "night") -> None:
        self.ledger.submissions.add(plan([name], range(2), name=name))
        draw(self.ledger, name, "DD")

    @property
    def open(self) -> list[tuple[str, str, str | None]]:
        return [(n.batch_name, str(n.event), n.claimed_by) for n in self.ledger.notices.open()]


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    monkeypatch.setattr(messengers, "_LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(messengers, "_START_AGAIN_S", 0.0)
    told = Told(tmp_path)
    with told.ledger:
        yield told


@contextmanager
def ending(*all_messengers: Messenger) -> Iterator[None]:
    try:
        yield
    finally:
        for messenger in all_messengers:
            messenger.kill()


def look_until(messenger: Messenger, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        messenger.look()
        time.sleep(0.02)


def test_a_slow_receiver_does_not_hold_up_the_worker(told: Told, tmp_path: Path) -> None:
    told.end()
    messenger = told.messenger(
        f"import time; open({str(tmp_path / 'begun')!r}, 'w'); time.sleep(60)"
    )
    with ending(messenger):
        began = time.monotonic()
        messenger.look()
        messenger.look()
        assert time.monotonic() - began < 10
        assert told.open == [("night", "completed", "w")]  # nobody wants to know of its beginning
        look_until(messenger, (tmp_path / "begun").exists)


def test_a_worker_that_ends_waits_for_what_it_has_to_tell(told: Told) -> None:
    told.end("one")
    told.end("two")
    beats: list[float] = []
    told.messenger().close(lambda: beats.append(time.monotonic()))
    assert told.open == []
    assert beats


def test_a_late_child_is_killed_and_its_notice_given_up(
    told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    told.end()
    messenger = told.messenger(
        "import time; print('hello', flush=True); time.sleep(60)", deadline_s=1
    )
    with ending(messenger):
        look_until(messenger, lambda: not told.open)
    assert caplog.messages[-1] == (
        "Gave up telling that batch night is completed: it took too long. The batch is not affected."
    )


def test_a_child_that_fails_is_started_three_times(
    told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    told.end()
    with caplog.at_level(logging.WARNING):
        told.messenger("print('no memory'); raise SystemExit(4)").close(lambda: None)
    assert caplog.messages == [
        "no memory",
        "Gave up telling that batch night is completed: its process ended with code 4. The batch is not affected.",
    ]
    assert told.open == []


def test_a_program_that_cannot_be_started_is_no_trouble_of_the_worker(told: Told) -> None:
    told.end()
    messenger = told.messenger()
    messenger._sender = Sender(command=["/nowhere"], environment={})
    messenger.close(lambda: None)
    assert told.open == [("night", "completed", "w")]
    look_until(messenger, lambda: not told.open)


def test_the_notice_of_a_dead_worker_is_taken_over_and_that_of_a_living_one_is_not(
    told: Told,
) -> None:
    told.end()
    dead, messenger = told.messenger("import time; time.sleep(60)", worker="dead"), told.messenger()
    with ending(dead, messenger):
        told.living = {"dead"}
        dead.look()
        assert told.open == [("night", "completed", "dead")]
        for told.living in (None, {"w", "dead"}):
            messenger.look()
            assert told.open == [("night", "completed", "dead")]
        told.living = {"w"}
        look_until(messenger, lambda: not told.open)


def test_a_notice_that_nobody_wants_is_closed_unless_others_may_want_it(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    told.living = {"w", "other"}
    told.end()
    messenger, other = told.messenger(webhook=None), told.messenger(worker="other")
    messenger.look()
    messenger.close(lambda: None)
    assert told.open == [("night", "started", None)]
    monkeypatch.setattr(messengers, "_LEFT_TO_OTHERS_S", 0.01)
    look_until(messenger, lambda: not told.open)
    assert told.open == []

    monkeypatch.setattr(messengers, "_LEFT_TO_OTHERS_S", 60)
    told.end("next")
    messenger.look()
    assert told.open == [("next", "started", None)]
    told.living = {"w"}
    messenger.look()
    assert told.open == []
    other.close(lambda: None)


def test_a_batch_may_name_its_own(told: Told) -> None:
    told.ledger.submissions.add(
        replace(plan(["a"], range(2), name="night"), receivers=Receivers(ping="https://h/p"))
    )
    draw(told.ledger, "night", "DD")
    messenger = told.messenger("import time; time.sleep(60)", webhook=None)
    with ending(messenger):
        messenger.look()
        assert told.open == [("night", "started", "w")]


def test_without_a_sender_nothing_is_touched(told: Told) -> None:
    told.end()
    messenger = told.messenger()
    messenger.kill()
    messenger.look()
    messenger.close(lambda: None)
    assert told.open == [("night", "started", None)]
