"""What is to be told of a batch is noted when it happens, and told by one worker at a time; on both databases."""

from __future__ import annotations

from dataclasses import replace

from alembic import command
from sqlalchemy import text

from db.connection import Database
from db.ledger import Ledger
from db.schema import alembic_config
from db.values import BatchState, Notice
from sdq_core.values.receivers import Receivers
from tests.ledger.nights import draw
from tests.ledger.plans import VARIANT, plan


def events(ledger: Ledger) -> list[tuple[str, str]]:
    """Take all notices that are open, and close them; return their batches and events."""
    found: list[tuple[str, str]] = []
    while notices := ledger.notices.open():
        found += [(notice.batch_name, str(notice.event)) for notice in notices]
        ledger.notices.dismiss([notice.id for notice in notices])
    return found


def test_a_batch_is_told_of_when_it_begins_and_whenever_it_ends(ledger: Ledger) -> None:
    ledger.submissions.add(plan(["a"], range(4), name="night", slice_size=2))
    assert events(ledger) == []
    draw(ledger, "night", "DD")
    assert events(ledger) == [("night", "started")]
    draw(ledger, "night", "DF")
    assert events(ledger) == [("night", "completed")]

    ledger.submissions.add(plan(["a"], range(4), name="night", slice_size=2))  # nothing new
    assert events(ledger) == []
    ledger.submissions.add(plan(["a"], range(6), name="night", slice_size=2))
    assert events(ledger) == []
    draw(ledger, "night", "DD")
    assert events(ledger) == [("night", "completed")]
    assert ledger.batches.retry_failed("night") == 1
    draw(ledger, "night", "DD")  # the first of them is drawn
    assert events(ledger) == [("night", "completed")]

    # Everything was drawn for another batch.
    ledger.submissions.add(plan(["a"], range(6), name="again"))
    assert events(ledger) == [("again", "completed")]
    ledger.upkeep.recount("again")
    assert events(ledger) == []


def test_a_pause_for_failing_is_told_to_all_that_wait_for_the_variant(ledger: Ledger) -> None:
    one = ledger.submissions.add(plan(["a"], range(4), name="one"))
    ledger.submissions.add(plan(["b"], range(4), name="two"))
    ledger.submissions.add(plan(["c"], range(4), name="off"))
    ledger.batches.set_state("off", BatchState.CANCELLED)
    ledger.submissions.add(plan(["d"], range(4), name="done"))
    draw(ledger, "done", "DDDD")
    events(ledger)
    ledger.variants.pause(VARIANT, "ten in a row", batch_id=one.batch_id)
    ledger.variants.pause(VARIANT, "ten in a row", batch_id=one.batch_id)
    assert events(ledger) == [("one", "paused"), ("two", "paused")]
    ledger.variants.resume(VARIANT.key)
    ledger.variants.pause(VARIANT.key, "by hand")
    assert events(ledger) == []


def test_an_end_is_not_told_before_its_beginning(ledger: Ledger) -> None:
    ledger.submissions.add(plan(["a"], range(2), name="one"))
    ledger.submissions.add(plan(["b"], range(2), name="two"))
    draw(ledger, "one", "DD")
    draw(ledger, "two", "DD")
    first, second = ledger.notices.open()
    assert [(n.batch_name, n.event, n.round) for n in (first, second)] == [
        ("one", "started", 0),
        ("two", "started", 0),
    ]
    assert ledger.notices.claim(second, "w")
    ledger.notices.finish(second.id, "w")
    assert [(n.batch_name, n.event) for n in ledger.notices.open()] == [
        ("one", "started"),
        ("two", "completed"),
    ]


def ended(ledger: Ledger) -> Notice:
    ledger.submissions.add(plan(["a"], range(2), name="night"))
    draw(ledger, "night", "DD")
    ledger.notices.dismiss([ledger.notices.open()[0].id])
    (notice,) = ledger.notices.open()
    return notice


def test_one_worker_at_a_time_has_a_notice(ledger: Ledger) -> None:
    notice = ended(ledger)
    assert ledger.notices.claim(notice, "one")
    assert not ledger.notices.claim(notice, "two")  # it saw that nobody had it
    assert ledger.notices.note(notice.id, "one", "webhook", "told")
    ledger.notices.dismiss([notice.id])  # closes only what nobody has
    (seen,) = ledger.notices.open()
    assert seen.claimed_by == "one"

    assert ledger.notices.claim(seen, "two")  # which found that the first died
    assert not ledger.notices.is_claimed(notice.id, "one")
    assert not ledger.notices.note(notice.id, "one", "ping", "told")
    ledger.notices.finish(notice.id, "one")
    assert ledger.notices.is_claimed(notice.id, "two")
    assert ledger.notices.note(notice.id, "two", "ping", "failed")
    ledger.notices.finish(notice.id, "two")
    assert ledger.notices.open() == []
    assert not ledger.notices.claim(replace(notice, claimed_by="two"), "three")
    found = ledger.notices.find(notice.id)
    assert found is not None
    assert (found.is_finished, dict(found.outcomes)) == (
        True,
        {"webhook": "told", "ping": "failed"},
    )


def test_a_batch_keeps_its_receivers_and_takes_new_ones_of_a_kind(ledger: Ledger) -> None:
    first = Receivers(webhook="https://h/a", apprise=("json://h/a", "json://h/b"))
    ledger.submissions.add(replace(plan(["a"], [1], name="night"), receivers=first))
    ledger.submissions.add(plan(["a"], [1], name="night"))
    options = ledger.batches.request("night").options
    assert options.receivers == first
    assert options.given == {}
    later = Receivers(webhook="https://h/c", on_done="true")
    ledger.submissions.add(replace(plan(["a"], [1], name="night"), receivers=later))
    assert ledger.batches.request("night").options.receivers == Receivers(
        webhook="https://h/c", on_done="true", apprise=first.apprise
    )
    draw(ledger, "night", "D")
    assert ledger.notices.open()[0].receivers.webhook == "https://h/c"
    assert "https" not in repr(options) + repr(ledger.notices.open())


def test_a_removed_batch_takes_its_notices_along(ledger: Ledger) -> None:
    notice = ended(ledger)
    batch_id = ledger.upkeep.begin_pruning("night")
    while not ledger.upkeep.prune_page(batch_id).last:
        pass
    assert ledger.notices.find(notice.id) is None
    assert ledger.notices.open() == []


def test_of_what_ended_before_the_migration_nobody_is_told(ledger_url: str) -> None:
    with Ledger.open(ledger_url) as ledger:
        ended(ledger)
        ledger.submissions.add(plan(["b"], range(2), name="later"))
    database = Database(ledger_url)
    with database.writing() as connection:
        command.downgrade(alembic_config(connection), "0004_slice_indexes")
        assert connection.execute(text("SELECT count(*) FROM batches")).scalar() == 2
    database.close()
    with Ledger.open(ledger_url) as ledger:
        assert ledger.notices.open() == []
        draw(ledger, "later", "DD")
        assert events(ledger) == [("later", "started"), ("later", "completed")]
