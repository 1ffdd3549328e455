"""Who has which slice: one table for each ledger in Redis, and the sign of life of each worker.

A slice is taken and claimed in one step, so that it is always either in its queue or in this table, and no second
worker can take it as long as it is claimed. A claim has no expiry: clocks differ between machines and are set. It ends
when its worker ends it, or when somebody who knows that the worker is dead releases it: its lock file is free
(`worker.claims.presence`), or its heartbeat has not changed for a while by the observer's own monotonic clock
(`worker.claims.silence`).

    sdq:LEDGER-claims      slice id -> its queue's key and worker
    sdq:LEDGER-heartbeats  worker -> a number that changes with each heartbeat
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import redis
from rq import Queue
from rq.job import Job
from rq.registry import StartedJobRegistry
from rq.worker import BaseWorker
from rq.worker_registration import REDIS_WORKER_KEYS

#: How long a Redis may have forgotten the claims of workers that live: they restore them at their next heartbeat.
_RESTORED_AFTER_S = 10

#: Ids that are cleared away in one step: a few milliseconds in which Redis serves nobody else.
_AT_ONCE = 5000

# Each script begins with these. A claim is "QUEUE_KEY WORKER"; for turns see `sdq_core.queue.order`.
_COMMON = f"""
local claims, prefix = KEYS[1], ARGV[1]
local turns = 'sdq:' .. prefix .. 'turns'
local function name_of(claim) return prefix .. string.match(claim, '^%S+') end
local function batch_of(claim) return string.match(claim, '^[^%s-]+%-(%d+) ') end
local function turn_of(batch) return tonumber(redis.call('hget', turns, batch) or 0) or 0 end
local function worker_of(claim) return string.match(claim, '%S+$') end
local function job_of(slice) return '{Job.redis_job_namespace_prefix}' .. prefix .. slice end
local function slice_of(id)
  local slice = string.sub(id, 1, #prefix) == prefix and string.match(string.sub(id, #prefix + 1), '^[1-9]%d*$')
  return slice and #slice <= 18 and slice
end
local function put_back(slice, claim)
  local id, started = prefix .. slice, '{StartedJobRegistry.key_template[:-3]}' .. name_of(claim)
  for _, entry in ipairs(redis.call('zrange', started, 0, -1)) do
    if string.sub(entry, 1, #id + 1) == id .. ':' then redis.call('zrem', started, entry) end
  end
  redis.call('hdel', claims, slice)
  if redis.call('exists', job_of(slice)) == 1 then
    redis.call('hset', job_of(slice), 'status', 'queued')
    local queue = '{Queue.redis_queue_namespace_prefix}' .. name_of(claim)
    redis.call('lpush', queue, id)
    redis.call('sadd', '{Queue.redis_queues_keys}', queue)
    -- What was begun is the next of its rank.
    if batch_of(claim) then redis.call('hset', turns, batch_of(claim), -1) end
  end
end
local function claimed_by(worker)
  local found, all = {{}}, redis.call('hgetall', claims)
  for i = 1, #all, 2 do
    if worker_of(all[i + 1]) == worker then found[#found + 1] = {{all[i], all[i + 1]}} end
  end
  table.sort(found, function(a, b) return tonumber(a[1]) > tonumber(b[1]) end)
  return found
end
"""

# KEYS: claims, queue, intermediate list. ARGV: prefix, claim.
_TAKE = (
    _COMMON
    + """
while true do
  local id = redis.call('lpop', KEYS[2])
  if not id then return false end
  local slice = slice_of(id)
  if not slice then
    redis.call('rpush', KEYS[3], id)
    return {id}
  end
  -- Claimed or without a job: it was queued twice.
  if redis.call('hexists', claims, slice) == 0 and redis.call('exists', job_of(slice)) == 1 then
    redis.call('hset', claims, slice, ARGV[2])
    local batch = batch_of(ARGV[2])
    if batch then
      -- Nobody saves up turns: a batch that waited begins where the others are.
      local now = math.max(turn_of('now'), turn_of(batch))
      redis.call('hset', turns, 'now', now, batch, now)
    end
    return {id, slice}
  end
end
"""
)

# KEYS: claims. ARGV: prefix, slice, claim, whether to put it back.
_END = (
    _COMMON
    + """
if redis.call('hget', claims, ARGV[2]) ~= ARGV[3] then return 0 end
if ARGV[4] == '1' then
  put_back(ARGV[2], ARGV[3])
else
  redis.call('hdel', claims, ARGV[2])
  redis.call('del', job_of(ARGV[2]))
end
return 1
"""
)

# KEYS: claims, heartbeats, the mark, RQ's hash of the worker. ARGV: prefix, worker, number, then each slice and claim
# that the worker has. Returns the slices that another has, all heartbeats, and whether RQ lists the worker.
_BEAT = (
    _COMMON
    + """
redis.call('hset', KEYS[2], ARGV[2], ARGV[3])
redis.call('set', KEYS[3], redis.call('time')[1], 'nx')
local held, lost = {}, {}
for i = 4, #ARGV, 2 do
  held[ARGV[i]] = true
  local claim = redis.call('hget', claims, ARGV[i])
  if not claim then
    redis.call('hset', claims, ARGV[i], ARGV[i + 1])
  elseif claim ~= ARGV[i + 1] then
    lost[#lost + 1] = ARGV[i]
  end
end
for _, found in ipairs(claimed_by(ARGV[2])) do
  -- The reply that told of it was lost with a connection.
  if not held[found[1]] then put_back(found[1], found[2]) end
end
return {lost, redis.call('hgetall', KEYS[2]), redis.call('exists', KEYS[4])}
"""
)

# KEYS: claims, heartbeats, RQ's list of workers, RQ's hash of the worker. ARGV: prefix, worker, the number of its
# heartbeat, or nothing. Returns the slices, or false if the worker lives.
_RELEASE = (
    _COMMON
    + """
if ARGV[3] ~= '' and redis.call('hget', KEYS[2], ARGV[2]) ~= ARGV[3] then return false end
local slices = {}
for _, found in ipairs(claimed_by(ARGV[2])) do
  put_back(found[1], found[2])
  slices[#slices + 1] = found[1]
end
redis.call('hdel', KEYS[2], ARGV[2])
redis.call('srem', KEYS[3], KEYS[4])
redis.call('del', KEYS[4], KEYS[4] .. ':executions')
return slices
"""
)

# KEYS: claims, queue. ARGV: prefix, how many ids to look at, whether to delete their jobs. What is not ours stays.
_CLEAR = (
    _COMMON
    + """
for _ = 1, tonumber(ARGV[2]) do
  local id = redis.call('lpop', KEYS[2])
  if not id then return end
  local slice = slice_of(id)
  if not slice then
    redis.call('rpush', KEYS[2], id)
  elseif ARGV[3] == '1' and redis.call('hexists', claims, slice) == 0 then
    redis.call('unlink', job_of(slice))
  end
end
"""
)

# KEYS: the mark. Returns the seconds since it was set, which sets it.
_AGE = """
local now = redis.call('time')[1]
redis.call('set', KEYS[1], now, 'nx')
return now - redis.call('get', KEYS[1])
"""


@dataclass(frozen=True, kw_only=True)
class Taken:
    """An id popped from a queue. slice_id: the slice that was claimed with it; None if the id is not sdq's."""

    raw_id: bytes
    slice_id: int | None


@dataclass(frozen=True, kw_only=True)
class Pulse:
    """What a worker learns from its heartbeat.

    lost: its slices that were released because it looked dead, and claimed by another.
    heartbeats: worker -> number of its heartbeat.
    is_listed: RQ lists the worker; not if Redis lost its data.
    """

    lost: frozenset[int]
    heartbeats: Mapping[str, int]
    is_listed: bool


class ClaimTable:
    """The claims on one ledger's slices. Methods raise redis-py's exceptions."""

    def __init__(self, connection: redis.Redis, prefix: str) -> None:
        """Use a Redis. prefix: what the ledger's queues and job ids begin with."""
        self._connection: Any = connection
        self._prefix = prefix
        self._claims = f"sdq:{prefix}claims"
        self._heartbeats = f"sdq:{prefix}heartbeats"
        self._mark = f"sdq:{prefix}since"

    def take(self, queue: Queue, key: str, worker: str) -> Taken | None:
        """Pop a queue's first id, and claim its slice; None if the queue is empty. key: the queue's.

        An id that is not sdq's is moved to RQ's intermediate list. Ids that were queued twice are dropped.
        """
        keys = self._claims, queue.key, queue.intermediate_queue_key
        found = self._connection.eval(_TAKE, 3, *keys, self._prefix, f"{key} {worker}")
        if not found:
            return None
        return Taken(raw_id=found[0], slice_id=int(found[1]) if len(found) > 1 else None)

    def end(
        self, pipeline: redis.client.Pipeline, slice_id: int, claim: str, *, put_back: bool
    ) -> None:
        """Add to a pipeline: end a worker's claim, and delete the job or put it back at the front of its queue.

        Does nothing if another worker has claimed the slice since. claim: "QUEUE_KEY WORKER".
        """
        anything: Any = pipeline
        anything.eval(_END, 1, self._claims, self._prefix, slice_id, claim, int(put_back))

    def clear(self, queue: Queue, *, with_jobs: bool) -> None:
        """Remove all slices that wait in a queue now. with_jobs: and their jobs, unless a worker has the slice."""
        for left in range(self._connection.llen(queue.key), 0, -_AT_ONCE):
            arguments = self._prefix, min(left, _AT_ONCE), int(with_jobs)
            self._connection.eval(_CLEAR, 2, self._claims, queue.key, *arguments)

    def beat(self, worker: str, number: int, held: Mapping[int, str]) -> Pulse:
        """Show that a worker lives and which slices it has.

        Restores claims that Redis forgot. Puts back slices of the worker that it does not know of.

        held: slice id -> claim.
        """
        pairs = [part for pair in held.items() for part in pair]
        keys = self._claims, self._heartbeats, self._mark, _rq_key(worker)
        lost, heartbeats, listed = self._connection.eval(
            _BEAT, 4, *keys, self._prefix, worker, number, *pairs
        )
        names = (name.decode(errors="replace") for name in heartbeats[::2])
        return Pulse(
            lost=frozenset(map(int, lost)),
            heartbeats=dict(zip(names, map(int, heartbeats[1::2]), strict=True)),
            is_listed=bool(listed),
        )

    def release(self, worker: str, *, heartbeat: int | None = None) -> list[int] | None:
        """Put the slices of a dead worker back at the front of their queues, and forget it; return them.

        heartbeat: release only while this is the number of its last heartbeat; otherwise return None.
        """
        keys = self._claims, self._heartbeats, REDIS_WORKER_KEYS, _rq_key(worker)
        number = "" if heartbeat is None else heartbeat
        found = self._connection.eval(_RELEASE, 4, *keys, self._prefix, worker, number)
        return None if found is None else sorted(map(int, found))

    def sign_off(self, worker: str) -> None:
        """Forget a worker's heartbeat."""
        self._connection.hdel(self._heartbeats, worker)

    def workers(self) -> dict[int, str]:
        """Return who has each claimed slice."""
        found = self._connection.hgetall(self._claims)
        return {
            int(slice_id): claim.decode(errors="replace").rsplit(" ", 1)[-1]
            for slice_id, claim in found.items()
        }

    def living(self) -> set[str]:
        """Return the workers that showed themselves lately, idle ones as well."""
        names = self.known_workers()
        return names - self.gone(names)

    def known_workers(self) -> set[str]:
        """Return the workers that have not signed off, and that nobody has found dead."""
        return {name.decode(errors="replace") for name in self._connection.hkeys(self._heartbeats)}

    def is_claimed(self, slice_id: int) -> bool:
        """Whether a worker has a slice."""
        return bool(self._connection.hexists(self._claims, slice_id))

    def may_have_lost_some(self) -> bool:
        """Whether this Redis may have lost claims of workers that live, and which they have not restored yet."""
        return bool(0 <= self._connection.eval(_AGE, 1, self._mark) < _RESTORED_AFTER_S)

    def gone(self, workers: Iterable[str]) -> set[str]:
        """Return which workers RQ no longer lists: for commands, which cannot observe heartbeats for long."""
        names = sorted(set(workers))
        with self._connection.pipeline(transaction=False) as pipeline:
            for name in names:
                pipeline.exists(_rq_key(name))
            return {name for name, here in zip(names, pipeline.execute(), strict=True) if not here}


def _rq_key(worker: str) -> str:
    return f"{BaseWorker.redis_worker_namespace_prefix}{worker}"
