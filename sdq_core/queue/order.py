"""What waits, and in which order: all that a worker needs to choose the queue of its next slice.

Each batch has a queue for each of its variants, so moving or cancelling a batch of a million images touches none of
its jobs. Its rank is copied from the ledger (`db.dispatch`), which puts it back should Redis lose it. Batches of equal
rank take turns by the images that were taken for them.

    sdq:LEDGER-order  batch id -> rank; a batch that is not listed is not drawn
    sdq:LEDGER-turns  batch id -> images taken for it, and "now": where a batch begins that comes or returns
    rq:queues         RQ's set of queues; those of ours that are empty leave it at the next `sweep`

A queue's key is "VARIANT_KEY-BATCH". Until 0.2 it was the variant's; such a queue waits among the normal ones until
reconciling has moved its slices.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import redis
from rq import Queue
from rq.registry import FailedJobRegistry, StartedJobRegistry

from sdq_core.values.order import Rank

_NOW = "now"

_NAMES = f"""
local names, ours = '{Queue.redis_queue_namespace_prefix}' .. ARGV[1], {{}}
for _, name in ipairs(redis.call('smembers', '{Queue.redis_queues_keys}')) do
  if string.sub(name, 1, #names) == names then ours[#ours + 1] = name end
end
"""

# KEYS: order, turns. ARGV: prefix. Returns key and length of each queue that is not empty, and both hashes.
_LOOK = (
    _NAMES
    + """
local found = {}
for _, name in ipairs(ours) do
  local count = redis.call('llen', name)
  if count > 0 then
    found[#found + 1] = string.sub(name, #names + 1)
    found[#found + 1] = count
  end
end
return {found, redis.call('hgetall', KEYS[1]), redis.call('hgetall', KEYS[2])}
"""
)

# ARGV: prefix. Leaves what RQ's tools would show something of.
_SWEEP = (
    _NAMES
    + f"""
for _, name in ipairs(ours) do
  local queue = string.sub(name, {len(Queue.redis_queue_namespace_prefix) + 1})
  local kept = redis.call('exists', name, name .. ':intermediate', '{StartedJobRegistry.key_template[:-3]}' .. queue,
    '{FailedJobRegistry.key_template[:-3]}' .. queue)
  if kept == 0 then redis.call('srem', '{Queue.redis_queues_keys}', name) end
end
"""
)

# KEYS: order, turns. ARGV: batch id and rank of each.
_WRITE = f"""
local listed = {{['{_NOW}'] = true}}
redis.call('del', KEYS[1])
if #ARGV == 0 then redis.call('del', KEYS[2]) end
for i = 1, #ARGV, 2 do
  redis.call('hset', KEYS[1], ARGV[i], ARGV[i + 1])
  listed[ARGV[i]] = true
end
for _, batch in ipairs(redis.call('hkeys', KEYS[2])) do
  if not listed[batch] then redis.call('hdel', KEYS[2], batch) end
end
"""


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A queue that is not empty.

    batch_id: None for a queue of an earlier version, which holds slices of any batch.
    slices: how many wait.
    turn: of queues of equal rank, that with the smallest is next.
    """

    key: str
    variant_key: str
    batch_id: int | None
    slices: int
    rank: Rank
    turn: int


@dataclass(frozen=True, kw_only=True)
class Line:
    """What waits at one moment. ranks: by batch, also of batches of which nothing waits."""

    waiting: Sequence[Waiting] = ()
    ranks: Mapping[int, Rank] = field(default_factory=dict)

    def rank_of(self, batch_id: int) -> Rank:
        """Return a batch's rank; that of an ordinary one if it is not known."""
        return self.ranks.get(batch_id, Rank())


class Order:
    """The order of one ledger's queues. Methods raise redis-py's exceptions."""

    def __init__(self, connection: redis.Redis, prefix: str) -> None:
        """Use a Redis. prefix: what the ledger's queues and job ids begin with."""
        self._connection: Any = connection
        self._prefix = prefix
        self._order = f"sdq:{prefix}order"
        self._turns = f"sdq:{prefix}turns"

    def look(self, *, batch_id: int | None = None) -> Line:
        """Return what waits now, of all batches that are to be drawn or of one."""
        found, order, turns = self._connection.eval(
            _LOOK, 2, self._order, self._turns, self._prefix
        )
        ranks = dict(_ranks(order))
        turn_of = _numbers(turns)
        now = turn_of.get(_NOW, 0)
        waiting: list[Waiting] = []
        for raw_key, count in zip(found[::2], found[1::2], strict=True):
            key = raw_key.decode(errors="replace")
            variant_key, batch = parts_of(key)
            if batch_id is not None and batch != batch_id:
                continue
            rank = Rank() if batch is None else ranks.get(batch)
            if rank is not None:
                turn = turn_of.get(str(batch), now)
                waiting.append(
                    Waiting(
                        key=key,
                        variant_key=variant_key,
                        batch_id=batch,
                        slices=int(count),
                        rank=rank,
                        turn=turn,
                    )
                )
        return Line(waiting=waiting, ranks=ranks)

    def write(self, ranks: Mapping[int, Rank]) -> None:
        """Replace the order. ranks: of all batches that are to be drawn, by batch id."""
        pairs = [part for batch_id, rank in ranks.items() for part in (batch_id, str(rank))]
        self._connection.eval(_WRITE, 2, self._order, self._turns, *pairs)

    def charge(self, key: str, images: int) -> None:
        """Count the images of a slice that was taken from a queue: its batch has had a turn."""
        _, batch_id = parts_of(key)
        if batch_id is not None:
            self._connection.hincrby(self._turns, batch_id, images)

    def sweep(self) -> None:
        """Let RQ forget the names of queues of which nothing is left."""
        self._connection.eval(_SWEEP, 0, self._prefix)


def queue_key(variant_key: str, batch_id: int) -> str:
    """Name the queue of a batch's slices of one variant."""
    return f"{variant_key}-{batch_id}"


def parts_of(key: str) -> tuple[str, int | None]:
    """Return the variant key and the batch of a queue's key; None for the batch in a key of an earlier version."""
    named = re.fullmatch("([^-]+)-([1-9][0-9]{0,17})", key)
    return (named[1], int(named[2])) if named else (key, None)


def _ranks(pairs: Sequence[bytes]) -> Iterator[tuple[int, Rank]]:
    for batch_id, text in zip(pairs[::2], pairs[1::2], strict=True):
        with contextlib.suppress(ValueError):  # not ours
            yield int(batch_id), Rank.parse(text.decode())


def _numbers(pairs: Sequence[bytes]) -> dict[str, int]:
    found = {}
    for name, number in zip(pairs[::2], pairs[1::2], strict=True):
        with contextlib.suppress(ValueError):
            found[name.decode(errors="replace")] = int(number)
    return found
