"""The order of batches, from the ledger into Redis: ranks, turns, and what is no longer wanted."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from rq import Queue

from db.dispatch import dispatch, reconcile, reorder
from db.ledger import Ledger
from db.values import BatchState, Submission
from sdq_core.queue.order import Waiting, parts_of, queue_key
from sdq_core.queue.queues import Queues
from sdq_core.values.order import Priority, Rank
from tests.core.small_ledger import counts, finish, open_ids, small_plan

HIGH, LOW = Rank(priority=Priority.HIGH), Rank(priority=Priority.LOW)


def submit(ledger: Ledger, queues: Queues, name: str, *, images: int = 4) -> Submission:
    """Submit a batch of slices of two images."""
    submission = ledger.submissions.add(small_plan(name, images=images, name=name))
    assert dispatch(ledger, queues, submission) == images // 2
    return submission


def next_of(queues: Queues) -> Waiting:
    """The queue from which a worker takes next that can draw everything."""
    waiting = queues.waiting()
    highest = max(queue.rank for queue in waiting)
    first = [queue for queue in waiting if queue.rank == highest]
    return min(first, key=lambda queue: (queue.turn, queue.batch_id or 0))


def take(queues: Queues, *, images: int = 2) -> int:
    """Take a slice as a worker does; give its batch."""
    queue = next_of(queues)
    assert queues.claims.take(queues.queue(queue.key), queue.key, "worker")
    queues.order.charge(queue.key, images)
    assert queue.batch_id is not None
    return queue.batch_id


def ranks(queues: Queues) -> dict[int | None, Rank]:
    return {queue.batch_id: queue.rank for queue in queues.waiting()}


def test_ranks_are_in_the_order_in_which_they_are_drawn() -> None:
    order = [LOW, Rank(priority=Priority.LOW, place=9), Rank(), Rank(place=1), Rank(place=2), HIGH]
    assert sorted(set(order)) == order
    assert [Rank.parse(str(rank)) for rank in order] == order


def test_the_order_is_the_ledgers_and_survives_a_redis_that_lost_everything(
    own_ledger: Ledger, queues: Queues
) -> None:
    ids = [submit(own_ledger, queues, name).batch_id for name in ("a", "b", "c", "d")]
    own_ledger.batches.move("b", priority=Priority.HIGH)
    own_ledger.batches.move("c", to_front=True)
    own_ledger.batches.move("d", priority=Priority.LOW)
    reorder(own_ledger, queues)
    expected = dict(zip(ids, [Rank(), HIGH, Rank(place=1), LOW], strict=True))
    assert ranks(queues) == expected
    queues.connection.flushall()
    assert reconcile(own_ledger, queues) == 8
    assert ranks(queues) == expected
    drawn = [take(queues) for _ in range(8)]
    assert drawn == [id_ for id_ in (ids[1], ids[2], ids[0], ids[3]) for _ in range(2)]


def test_moving_a_batch_touches_none_of_its_jobs(own_ledger: Ledger, queues: Queues) -> None:
    submit(own_ledger, queues, "a", images=100)
    stats: Any = queues.connection.info("commandstats")
    before = sum(command["calls"] for command in stats.values())
    own_ledger.batches.move("a", to_front=True)
    reorder(own_ledger, queues)
    stats = queues.connection.info("commandstats")
    assert sum(command["calls"] for command in stats.values()) - before < 20


def test_batches_of_equal_rank_take_turns_by_images(own_ledger: Ledger, queues: Queues) -> None:
    """Slices of one image and slices of 25 get equal shares of the images."""
    small = submit(own_ledger, queues, "small", images=200).batch_id
    large = submit(own_ledger, queues, "large", images=200).batch_id
    drawn: Counter[int] = Counter()
    for _ in range(80):
        queue = next_of(queues)
        images = 1 if queue.batch_id == small else 25
        drawn[take(queues, images=images)] += images
    assert abs(drawn[small] - drawn[large]) <= 25
    late = submit(own_ledger, queues, "late", images=40).batch_id
    following = [take(queues, images=10) for _ in range(9)]
    assert 2 <= following.count(late) <= 5, "neither first for long nor last"


def test_what_was_begun_and_handed_back_is_the_next_of_its_rank(
    own_ledger: Ledger, queues: Queues
) -> None:
    first = submit(own_ledger, queues, "first").batch_id
    second = submit(own_ledger, queues, "second").batch_id
    assert take(queues) == first
    assert take(queues) == second
    (begun,) = (id_ for id_, worker in queues.claims.workers().items() if id_ > 2)
    assert queues.claims.release("worker")
    assert next_of(queues).batch_id == first
    assert take(queues) == first
    assert take(queues) == second
    assert begun in queues.claims.workers()


@pytest.mark.parametrize("state", [BatchState.PAUSED, BatchState.CANCELLED])
def test_what_is_paused_or_cancelled_is_out_of_line_at_once_and_leaves_no_jobs(
    own_ledger: Ledger, queues: Queues, state: BatchState
) -> None:
    kept = submit(own_ledger, queues, "kept")
    submission = submit(own_ledger, queues, "gone")
    (taken,) = (ref.id for ref in submission.slices[:1])
    own_ledger.batches.move("gone", to_front=True)
    reorder(own_ledger, queues)
    assert take(queues) == submission.batch_id
    own_ledger.batches.set_state("gone", state)
    reorder(own_ledger, queues)
    assert list(ranks(queues)) == [kept.batch_id]
    assert reconcile(own_ledger, queues) == 0
    assert queues.holdings().waiting == {ref.id for ref in kept.slices}
    jobs = queues.connection.keys("rq:job:*")
    assert {queues.slice_id(job.decode()[len("rq:job:") :]) for job in jobs} == {
        taken, *(ref.id for ref in kept.slices),
    }  # fmt: skip
    own_ledger.batches.set_state("gone", BatchState.ACTIVE)
    assert reconcile(own_ledger, queues) == 1
    assert ranks(queues)[submission.batch_id] == Rank(place=1)


def test_a_paused_variants_slices_leave_the_queues(own_ledger: Ledger, queues: Queues) -> None:
    submission = submit(own_ledger, queues, "a")
    own_ledger.variants.pause(submission.slices[0].variant.key, "by hand")
    assert reconcile(own_ledger, queues) == 0
    assert queues.waiting() == []
    own_ledger.variants.resume(submission.slices[0].variant.key)
    assert reconcile(own_ledger, queues) == 2


def test_slices_in_a_queue_of_an_earlier_version_are_drawn_and_get_into_line(
    own_ledger: Ledger, queues: Queues
) -> None:
    submission = own_ledger.submissions.add(small_plan("a", images=8, name="a"))
    variant_key = submission.slices[0].variant.key
    assert queues.enqueue(variant_key, [ref.id for ref in submission.slices]) == 4
    (waiting,) = queues.waiting()
    assert (waiting.key, waiting.batch_id, waiting.rank) == (variant_key, None, Rank())
    former = queues.queue(variant_key)
    taken = queues.claims.take(former, variant_key, "worker")
    assert taken is not None
    queues.connection.rpush(former.key, "stranger")
    own_ledger.batches.move("a", priority=Priority.HIGH)

    assert reconcile(own_ledger, queues) == 3
    assert former.job_ids == ["stranger"]
    assert ranks(queues)[submission.batch_id] == HIGH
    key = queue_key(variant_key, submission.batch_id)
    assert counts(queues)[key] == 3
    assert queues.queue(key).job_ids == [queues.job_id(id_) for id_ in open_ids(own_ledger)[1:]]
    assert reconcile(own_ledger, queues) == 0
    assert queues.claims.release("worker") == [taken.slice_id]
    assert reconcile(own_ledger, queues) == 1, "it was put back where it came from"


def test_queues_of_which_nothing_is_left_leave_rqs_list(own_ledger: Ledger, queues: Queues) -> None:
    submission = submit(own_ledger, queues, "a", images=2)
    key = queue_key(submission.slices[0].variant.key, submission.batch_id)
    Queue("another", connection=queues.connection).enqueue("print", "x")
    assert take(queues) == submission.batch_id
    finish(own_ledger, submission.slices[0].id)
    assert reconcile(own_ledger, queues) == 0
    assert queues.queue_keys() == []
    assert [queue.name for queue in Queue.all(connection=queues.connection)] == ["another"]
    assert queues.claims.release("worker") == [submission.slices[0].id]
    assert queues.queue_keys() == [key], "RQ's tools see what was put back"
    refused = queues.queue(key).failed_job_registry
    queues.connection.zadd(refused.key, {"stranger": 1e12})
    assert reconcile(own_ledger, queues) == 0
    assert queues.queue_keys() == [key], "what was refused is still to be seen"


def test_when_all_is_drawn_nothing_is_kept(own_ledger: Ledger, queues: Queues) -> None:
    submission = submit(own_ledger, queues, "a", images=2)
    take(queues)
    finish(own_ledger, submission.slices[0].id)
    reconcile(own_ledger, queues)
    assert queues.connection.keys("sdq:*-order") == queues.connection.keys("sdq:*-turns") == []


def test_what_another_program_writes_into_the_order_is_passed_over(
    own_ledger: Ledger, queues: Queues
) -> None:
    submission = submit(own_ledger, queues, "a")
    prefix = f"sdq:sdq-{own_ledger.id}-"
    queues.connection.hset(f"{prefix}order", mapping={"x": "high 1", "9": "\xff", "10": "high"})
    strange = {"x": "y", "now": "?", str(submission.batch_id): "?"}
    queues.connection.hset(f"{prefix}turns", mapping=strange)
    assert list(ranks(queues)) == [submission.batch_id]
    assert take(queues) == submission.batch_id


@pytest.mark.parametrize(
    ("key", "parts"),
    [
        ("0123456789abcdef-7", ("0123456789abcdef", 7)),
        ("0123456789abcdef", ("0123456789abcdef", None)),
        ("0123456789abcdef-07", ("0123456789abcdef-07", None)),
        ("a-b-7", ("a-b-7", None)),
        (f"a-{10**20}", (f"a-{10**20}", None)),
    ],
)
def test_a_queues_key_names_variant_and_batch(key: str, parts: tuple[str, int | None]) -> None:
    assert parts_of(key) == parts
