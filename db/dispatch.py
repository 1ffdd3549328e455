"""Queues the ledger's slices in its order of batches, and keeps them queued until they are drawn.

The ledger is the source of truth. `reconcile` compares its unfinished slices with every place in Redis where a job can
be, queues what is missing and removes what is not wanted. So the same code recovers from a crash between commit and
queueing, a lost Redis, and a killed worker. A slice that is queued twice all the same is claimed by one worker only.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Set

from db.ledger import Ledger
from db.values import SliceRef, Submission
from sdq_core.queue.failures import redis_errors
from sdq_core.queue.order import parts_of, queue_key
from sdq_core.queue.queues import Queues
from sdq_core.queue.slice_ids import SliceIds

#: Long enough for another process to queue a million images.
_LOCK_WAIT_S = 60.0


def dispatch(ledger: Ledger, queues: Queues, submission: Submission) -> int:
    """Queue a new submission's slices and give its batch its place in the order; return how many were queued.

    Leaves out those that a reconciling worker queued in the meantime.
    """
    count = 0
    if not (submission.slices or submission.moved):
        return count
    with redis_errors(), queues.dispatch_lock(wait_s=_LOCK_WAIT_S):
        queues.order.write(ledger.batches.ranks())
        if submission.slices:
            in_hand = queues.holdings(batch_id=submission.batch_id).in_hand()
            new: dict[str, SliceIds] = {}
            for ref in submission.slices:
                new.setdefault(ref.variant.key, SliceIds()).add(ref.id)
            for variant_key, slice_ids in sorted(new.items()):
                key = queue_key(variant_key, submission.batch_id)
                count += queues.enqueue(key, slice_ids - in_hand)
    return count


@contextlib.contextmanager
def withdrawn(queues: Queues, slice_ids: SliceIds) -> Iterator[Set[int]]:
    """Take slices out of their queues; yield those that no worker has, and that none can take during the block.

    What is still open afterwards has to be queued again; if this process dies, reconciling does so.
    """
    if not slice_ids:
        yield slice_ids
        return
    with redis_errors(), queues.dispatch_lock(ttl_s=_LOCK_WAIT_S, wait_s=_LOCK_WAIT_S):
        queues.withdraw(slice_ids)
        # Nobody takes a slice without its job, and nobody but the holder of this lock makes a new one.
        yield slice_ids - queues.claims.workers().keys()


def reorder(ledger: Ledger, queues: Queues) -> None:
    """Bring a change of the batches' order to the workers."""
    with redis_errors(), queues.dispatch_lock(wait_s=_LOCK_WAIT_S):
        queues.order.write(ledger.batches.ranks())


def reconcile(ledger: Ledger, queues: Queues, *, wait_s: float = 0.0) -> int:
    """Queue every unfinished slice that is missing from Redis, and put the order right; return how many were queued.

    Raises TryAgainError if another process is reconciling.
    """
    with redis_errors(), queues.dispatch_lock(wait_s=wait_s):
        # Read the ledger first: a slice that finishes in between then looks missing and is queued again, which is
        # harmless. In the other order, a slice that was just submitted would look missing.
        unfinished: dict[tuple[str, int], SliceIds] = {}
        for ref in all_open_slices(ledger):
            place = ref.variant.key, ref.batch_id
            if place not in unfinished:
                unfinished[place] = SliceIds()
            unfinished[place].add(ref.id)
        _drop_unwanted(ledger, queues)
        holdings = queues.holdings()
        placed = holdings.in_hand()
        if holdings.misplaced:
            placed -= holdings.misplaced
        queues.forget(holdings.abandoned)
        count = sum(
            queues.enqueue(queue_key(*place), unfinished[place] - placed)
            for place in sorted(unfinished)
        )
        for key in queues.queue_keys():
            if parts_of(key)[1] is None:  # all that is wanted of it waits in its batch's queue now
                queues.clear(key, with_jobs=False)
        queues.order.sweep()
    return count


def all_open_slices(ledger: Ledger, *, at_once: int = 10_000) -> Iterator[SliceRef]:
    """Yield every unfinished slice of active batches, except those of paused variants, a page at a time."""
    after_id = 0
    while page := ledger.work.open_slices(after_id=after_id, limit=at_once):
        yield from page
        after_id = page[-1].id


def _drop_unwanted(ledger: Ledger, queues: Queues) -> None:
    """Write the order, and empty the queues of batches and variants that are paused, cancelled or done."""
    # The queues before the ledger: what is submitted or resumed in between is then not taken for unwanted.
    keys = queues.queue_keys()
    ranks = ledger.batches.ranks()
    paused = {held.variant.key for held in ledger.variants.paused()}
    queues.order.write(ranks)
    for key in keys:
        variant_key, batch_id = parts_of(key)
        if batch_id is not None and (batch_id not in ranks or variant_key in paused):
            queues.clear(key, with_jobs=True)
