"""What a worker asks the ledger when it takes a slice."""

from __future__ import annotations

from typing import Any

from sqlalchemy import event

from db.ledger import Ledger
from tests.ledger.plans import ENGINE, plan, record
from worker.claims.open_slice import OpenSlice


def test_what_is_left_of_a_slice_is_asked_for_once(ledger: Ledger) -> None:
    (ref,) = ledger.submissions.add(plan(["a"], range(4))).slices
    slice_ = ledger.work.load_slice(ref.id)
    assert slice_ is not None
    engine_id = ledger.work.register_engine(ENGINE)
    ledger.work.note_attempts(slice_.recipe_id, [1, 2], engine_id=engine_id)
    ledger.work.record_and_go_on(record(slice_, 1, engine_id))
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith("SELECT"):
            asked.append(statement)

    event.listen(ledger._database.engine, "before_cursor_execute", note)
    taken = OpenSlice.of(ledger, slice_, queue_wait_ms=0.0)
    assert len(asked) == 1
    assert list(taken.pending) == [0, 2, 3]
    assert taken.attempts == {1: 1, 2: 1}
