"""Ledger and queues against each other: whatever Redis forgets or holds too long is put right."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from db.dispatch import dispatch, reconcile, withdrawn
from db.ledger import Ledger
from db.values import BatchState
from sdq_core.errors import ServiceUnavailableError, TryAgainError
from sdq_core.queue.order import parts_of, queue_key
from sdq_core.queue.queues import Queues
from sdq_core.queue.server import RedisServer
from sdq_core.queue.slice_ids import SliceIds
from tests.core.redis_death import kill
from tests.core.small_ledger import counts, finish, loaded, open_ids, small_plan, submit

SUBMIT_AND_DIE = """
import os, signal, sys
from db.ledger import Ledger
from tests.core.small_ledger import submit
submit(Ledger.open(sys.argv[1]), "the sea", "a tent")
os.kill(os.getpid(), signal.SIGKILL)
"""


def first_key(ledger: Ledger) -> str:
    """The key of the first open slice's queue."""
    first = ledger.work.open_slices()[0]
    return queue_key(first.variant.key, first.batch_id)


def job_ids(queues: Queues, slice_ids: list[int]) -> list[str]:
    return [queues.job_id(slice_id) for slice_id in slice_ids]


def start_first(queues: Queues, key: str) -> int:
    """Take a slice as a worker does, and give its id."""
    taken = queues.claims.take(queues.queue(key), key, "worker")
    assert taken is not None
    assert taken.slice_id is not None
    return taken.slice_id


def leave_begun(queues: Queues, key: str) -> int:
    """Leave a slice as a worker of an earlier version did that died with it, and give its id."""
    queue = queues.queue(key)
    job_id = queue.pop_job_id()
    assert job_id is not None
    queues.connection.zadd(queue.started_job_registry.key, {f"{job_id}:execution": 1.0})
    slice_id = queues.slice_id(job_id)
    assert slice_id is not None
    return slice_id


def test_slices_are_queued_once_in_their_order(own_ledger: Ledger, queues: Queues) -> None:
    submission = submit(own_ledger, "the sea", "a tent")
    assert dispatch(own_ledger, queues, submission) == 4
    key = first_key(own_ledger)
    assert queues.queue(key).job_ids == job_ids(queues, open_ids(own_ledger))
    assert reconcile(own_ledger, queues) == 0
    assert reconcile(own_ledger, queues) == 0
    assert counts(queues) == {key: 4}


def test_the_same_submission_again_queues_nothing(own_ledger: Ledger, queues: Queues) -> None:
    dispatch(own_ledger, queues, submit(own_ledger, "the sea"))
    assert dispatch(own_ledger, queues, submit(own_ledger, "the sea")) == 0
    assert sum(counts(queues).values()) == 2


def test_each_variant_has_a_queue_of_its_own(own_ledger: Ledger, queues: Queues) -> None:
    submission = submit(own_ledger, "the sea", "a tent", variants=2)
    assert dispatch(own_ledger, queues, submission) == 8
    keys = {
        slice_.id: queue_key(slice_.variant.key, slice_.batch_id)
        for slice_ in own_ledger.work.open_slices()
    }
    assert counts(queues) == dict.fromkeys(keys.values(), 4)
    for slice_id, key in keys.items():
        assert queues.job_id(slice_id) in queues.queue(key).job_ids


def test_a_crash_between_storing_and_queueing_heals(
    own_ledger: Ledger, queues: Queues, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'sdq.db'}"
    died = subprocess.run([sys.executable, "-c", SUBMIT_AND_DIE, url], timeout=60, check=False)
    assert died.returncode == -signal.SIGKILL
    assert counts(queues) == {}
    assert reconcile(own_ledger, queues) == 4
    key = first_key(own_ledger)
    assert queues.queue(key).job_ids == job_ids(queues, open_ids(own_ledger))


def test_a_redis_that_lost_everything_heals(own_ledger: Ledger, queues: Queues) -> None:
    dispatch(own_ledger, queues, submit(own_ledger, "the sea", "a tent", variants=2))
    queues.connection.flushall()
    assert reconcile(own_ledger, queues) == 8
    assert sorted(queues.holdings().waiting) == open_ids(own_ledger)


def test_a_redis_that_lost_a_part_gets_just_that(own_ledger: Ledger, queues: Queues) -> None:
    dispatch(own_ledger, queues, submit(own_ledger, "the sea", "a tent"))
    queue = queues.queue(first_key(own_ledger))
    queues.connection.lrem(queue.key, 0, queue.job_ids[1])
    assert reconcile(own_ledger, queues) == 1
    assert sorted(queue.job_ids) == sorted(job_ids(queues, open_ids(own_ledger)))


def test_a_killed_and_restarted_redis_needs_no_healing(
    own_ledger: Ledger, queues: Queues, redis_server: RedisServer
) -> None:
    dispatch(own_ledger, queues, submit(own_ledger, "the sea"))
    kill(redis_server)
    with pytest.raises(ServiceUnavailableError):
        reconcile(own_ledger, queues)
    redis_server.ensure_running()
    with redis.Redis.from_url(redis_server.url) as client:
        assert reconcile(own_ledger, Queues(client, own_ledger.id)) == 0


def test_a_running_slice_is_left_to_its_worker(own_ledger: Ledger, queues: Queues) -> None:
    submission = submit(own_ledger, "the sea")
    dispatch(own_ledger, queues, submission)
    key = first_key(own_ledger)
    running = start_first(queues, key)
    assert reconcile(own_ledger, queues) == 0
    assert dispatch(own_ledger, queues, submission) == 0
    assert queues.holdings().claimed == {running: "worker"}
    assert counts(queues) == {key: 1}


def test_a_submission_leaves_out_what_a_worker_queued_a_moment_before(
    own_ledger: Ledger, queues: Queues
) -> None:
    submission = submit(own_ledger, "the sea", "a tent")
    assert reconcile(own_ledger, queues) == 4
    start_first(queues, first_key(own_ledger))
    assert dispatch(own_ledger, queues, submission) == 0
    assert sum(counts(queues).values()) == 3


def test_what_a_worker_of_an_earlier_version_died_with_is_queued_again(
    own_ledger: Ledger, queues: Queues
) -> None:
    dispatch(own_ledger, queues, submit(own_ledger, "the sea", "a tent"))
    key = first_key(own_ledger)
    dead = leave_begun(queues, key)
    popped = queues.slice_id(
        queues.connection.lmove(
            queues.queue(key).key, queues.queue(key).intermediate_queue_key
        ).decode()
    )
    assert queues.holdings().abandoned == {dead, popped}
    assert reconcile(own_ledger, queues) == 2
    assert not queues.holdings().abandoned
    queue = queues.queue(key)
    assert sorted(queue.job_ids) == sorted(job_ids(queues, open_ids(own_ledger)))
    assert not queues.connection.exists(
        queue.started_job_registry.key, queue.intermediate_queue_key
    )


def test_finished_slices_are_not_queued(own_ledger: Ledger, queues: Queues) -> None:
    submission = submit(own_ledger, "the sea", "a tent")
    finish(own_ledger, submission.slices[0].id)
    assert reconcile(own_ledger, queues) == 3
    assert submission.slices[0].id not in queues.holdings().waiting


def test_what_an_earlier_worker_left_of_a_finished_slice_is_swept_up(
    own_ledger: Ledger, queues: Queues
) -> None:
    dispatch(own_ledger, queues, submit(own_ledger, "the sea"))
    drawn = leave_begun(queues, first_key(own_ledger))  # killed after its last image
    finish(own_ledger, drawn)
    assert reconcile(own_ledger, queues) == 0
    assert not queues.holdings().abandoned


def test_paused_and_cancelled_batches_are_not_queued(own_ledger: Ledger, queues: Queues) -> None:
    paused = own_ledger.submissions.add(small_plan("the sea", name="paused"))
    own_ledger.batches.set_state("paused", BatchState.PAUSED)
    own_ledger.submissions.add(small_plan("a tent", name="cancelled"))
    own_ledger.batches.set_state("cancelled", BatchState.CANCELLED)
    assert reconcile(own_ledger, queues) == 0
    own_ledger.batches.set_state("paused", BatchState.ACTIVE)
    assert reconcile(own_ledger, queues) == len(paused.slices)


def test_paused_variants_are_not_queued(own_ledger: Ledger, queues: Queues) -> None:
    submit(own_ledger, "the sea", variants=2)
    key = first_key(own_ledger)
    variant_key, _ = parts_of(key)
    own_ledger.variants.pause(variant_key, "for a reason")
    assert reconcile(own_ledger, queues) == 2
    assert key not in counts(queues)
    own_ledger.variants.resume(variant_key)
    assert reconcile(own_ledger, queues) == 2


def test_two_ledgers_share_a_redis_and_heal_apart(
    own_ledger: Ledger, queues: Queues, tmp_path: Path
) -> None:
    with Ledger.open(f"sqlite:///{tmp_path / 'other.db'}") as other_ledger:
        other = Queues(queues.connection, other_ledger.id)
        submit(own_ledger, "the sea")
        submit(other_ledger, "the sea", "a tent")
        assert reconcile(own_ledger, queues) == 2
        assert reconcile(other_ledger, other) == 4
        dead = leave_begun(other, first_key(other_ledger))
        assert reconcile(own_ledger, queues) == 0
        assert other.holdings().abandoned == {dead}
        assert reconcile(other_ledger, other) == 1
        assert sum(counts(queues).values()) == 2


def test_one_reconciles_at_a_time(own_ledger: Ledger, queues: Queues) -> None:
    with queues.dispatch_lock(), pytest.raises(TryAgainError):
        reconcile(own_ledger, queues)
    assert reconcile(own_ledger, queues) == 0


def test_a_lock_whose_owner_was_killed_is_outlived(own_ledger: Ledger, queues: Queues) -> None:
    submission = submit(own_ledger, "the sea")
    queues.dispatch_lock(ttl_s=0.3).__enter__()  # an owner that is killed never leaves
    assert dispatch(own_ledger, queues, submission) == 2
    assert reconcile(own_ledger, queues, wait_s=5) == 0


def test_a_slice_says_where_it_belongs(own_ledger: Ledger, queues: Queues) -> None:
    """What a worker finds by a job's id is what was planned."""
    dispatch(own_ledger, queues, submit(own_ledger, "the sea", images=3))
    job_id = queues.queue(first_key(own_ledger)).job_ids[1]
    slice_id = queues.slice_id(job_id)
    assert slice_id is not None
    slice_ = loaded(own_ledger, slice_id)
    assert (slice_.recipe.prompt, slice_.seeds) == ("the sea", (2,))


def test_what_is_withdrawn_for_a_while_is_nobodys_and_comes_back(
    own_ledger: Ledger, queues: Queues
) -> None:
    dispatch(own_ledger, queues, submit(own_ledger, "the sea", "a tent"))
    key = first_key(own_ledger)
    first = start_first(queues, key)
    wanted = SliceIds(open_ids(own_ledger)[:3])
    with withdrawn(queues, wanted) as free:
        assert set(free) == set(wanted) - {first}
        assert queues.queue(key).count == 1
        with pytest.raises(TryAgainError):
            reconcile(own_ledger, queues)
    assert reconcile(own_ledger, queues) == 2
    assert queues.queue(key).count == 3
