"""What a Redis of the user's own forgets by its configuration: keys that it evicts, and everything when it restarts.

Nothing is lost by it, since the ledger puts the queues back. But work stands still until then, and is done twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import redis

from sdq_core.errors import ConfigurationError

_FORBIDDEN = (redis.exceptions.ResponseError, ConfigurationError)

#: Longer than Redis' own settings leave a single change unsaved, s.
_UNSAVED_S = 2 * 3600


def what_it_forgets(connection: redis.Redis) -> list[str]:
    """Return a sentence for each setting that makes a Redis forget jobs; what it does not let us read is left out."""
    return [*_evicted(_info(connection, "memory")), *_unsaved(connection)]


def _evicted(memory: Mapping[str, Any]) -> Iterator[str]:
    policy = str(memory.get("maxmemory_policy", "noeviction"))
    if policy == "noeviction":
        return
    lost = "workers' heartbeats" if policy.startswith("volatile") else "queued slices"
    yield (
        f"This Redis deletes {lost} when its memory is full (maxmemory-policy {policy}). Set it to noeviction, with "
        "`redis-cli CONFIG SET maxmemory-policy noeviction` and in its configuration."
    )


def _unsaved(connection: redis.Redis) -> Iterator[str]:
    persistence = _info(connection, "persistence")
    if persistence.get("aof_enabled", 1):
        return
    try:
        saves = bool(connection.config_get("save").get("save"))
    except _FORBIDDEN:  # managed services do not show it
        now_s = _info(connection, "server").get("server_time_usec", 0) / 1e6
        unsaved_s = now_s - persistence.get("rdb_last_save_time", now_s)
        saves = not (persistence.get("rdb_changes_since_last_save", 0) and unsaved_s > _UNSAVED_S)
    if not saves:
        yield (
            "This Redis writes nothing to disk: when it restarts, its queues are empty until a worker has put them "
            "back. Turn its log on, with `redis-cli CONFIG SET appendonly yes` and in its configuration."
        )


def _info(connection: redis.Redis, section: str) -> Mapping[str, Any]:
    """Read a section of INFO; empty where that is forbidden."""
    try:
        return dict(connection.info(section))
    except _FORBIDDEN:
        return {}
