"""Queues the ledger's slices, and keeps them queued until they are drawn.

The ledger is the source of truth. `reconcile` compares its unfinished slices with every place in Redis where a job can
be, and queues what is missing. So the same code recovers from a crash between commit and queueing, a lost Redis, and a
killed worker. A slice that is queued twice all the same is claimed by one worker only.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence, Set
from itertools import groupby

from db.ledger import Ledger
from db.values import SliceRef
from sdq_core.queue.failures import redis_errors
from sdq_core.queue.queues import Queues
from sdq_core.queue.slice_ids import SliceIds

#: Long enough for another process to queue a million images.
_LOCK_WAIT_S = 60.0


def dispatch(queues: Queues, slices: Sequence[SliceRef], *, at_front: bool = False) -> int:
    """Queue a new submission's slices, one queue per variant; return how many.

    Leaves out those that a reconciling worker queued in the meantime.
    """
    count = 0
    if not slices:
        return count
    with redis_errors(), queues.dispatch_lock(wait_s=_LOCK_WAIT_S):
        in_hand = queues.holdings().in_hand()
        new = (ref for ref in slices if ref.id not in in_hand)
        for variant_key, group in _by_variant(new):
            count += queues.enqueue(variant_key, (ref.id for ref in group), at_front=at_front)
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


def reconcile(ledger: Ledger, queues: Queues, *, wait_s: float = 0.0) -> int:
    """Queue every unfinished slice that is missing from Redis; return how many.

    Raises TryAgainError if another process is reconciling.
    """
    with redis_errors(), queues.dispatch_lock(wait_s=wait_s):
        # Read the ledger first: a slice that finishes in between then looks missing and is queued again, which is
        # harmless. In the other order, a slice that was just submitted would look missing.
        unfinished: dict[str, SliceIds] = {}
        for ref in all_open_slices(ledger):
            unfinished.setdefault(ref.variant.key, SliceIds()).add(ref.id)
        holdings = queues.holdings()
        in_hand = holdings.in_hand()
        queues.forget(holdings.abandoned)
        return sum(
            queues.enqueue(variant_key, unfinished[variant_key] - in_hand)
            for variant_key in sorted(unfinished)
        )


def all_open_slices(ledger: Ledger, *, at_once: int = 10_000) -> Iterator[SliceRef]:
    """Yield every unfinished slice of active batches, except those of paused variants, a page at a time."""
    after_id = 0
    while page := ledger.work.open_slices(after_id=after_id, limit=at_once):
        yield from page
        after_id = page[-1].id


def _by_variant(slices: Iterable[SliceRef]) -> Iterable[tuple[str, Iterable[SliceRef]]]:
    ordered = sorted(slices, key=lambda ref: (ref.variant.key, ref.id))
    return groupby(ordered, key=lambda ref: ref.variant.key)
