"""Why a batch does not move, as far as this machine can see."""

from __future__ import annotations

from pathlib import Path

import pytest
from rq.suspension import resume, suspend

from db.ledger import Ledger
from sdq.views.waiting import why_waiting
from sdq_core.images.root import OutputRoot
from sdq_core.models import ModelStore
from sdq_core.queue.queues import Queues
from sdq_core.settings import Settings, read_settings
from tests.core.small_ledger import submit


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read_settings({"SDQ_HOME": str(tmp_path)})


def told(settings: Settings, ledger: Ledger) -> list[str]:
    (status,) = ledger.batches.statuses()
    return why_waiting(settings, ModelStore(settings.models), ledger, status)


def test_workers_that_rq_holds_are_named(
    settings: Settings, own_ledger: Ledger, queues: Queues
) -> None:
    submit(own_ledger, "the sea")
    (none,) = told(settings, own_ledger)
    assert none == "waiting: no worker is running. Start one with `sdq worker`."
    suspend(queues.connection)
    assert told(settings, own_ledger) == [
        "waiting: `rq suspend` holds all workers. Run `rq resume`."
    ]
    resume(queues.connection)
    queues.claims.beat("worker", 1, {})
    queues.connection.hset("rq:worker:worker", "birth", "now")
    assert told(settings, own_ledger) == []


def test_an_output_folder_that_is_gone_is_named(
    settings: Settings, own_ledger: Ledger, queues: Queues
) -> None:
    submit(own_ledger, "the sea")
    root = OutputRoot(settings.outputs, home=settings.home, ledger_id=own_ledger.id)
    root.store(b"x", "b/1.png")
    settings.outputs.rename(settings.home / "unplugged")
    assert str(settings.outputs) in told(settings, own_ledger)[0]
