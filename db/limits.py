"""How patient a process is with its database, and how much of it it keeps in memory.

A command has one thing to do and waits for it: a submission of a million images holds the database for a while. A
worker's only thread also listens to its engine, sends heartbeats and obeys signals, so it asks again instead of waiting
(`worker.claims.shift`).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one process allows its database.

    lock_s: how long to wait for another process that writes to an SQLite file, s.
    silence_s: how long a PostgreSQL server may say nothing to a statement, s. It waits for locks for 3/4 of that.
    connect_s: how long it may take to be connected to, whole s; at least the driver's shortest, 2 s.
    pings: ask whether a connection still lives before each use, instead of failing once when it does not.
    cache_kib: SQLite's page cache, KiB for each connection.
    """

    lock_s: float
    silence_s: float
    connect_s: int
    pings: bool
    cache_kib: int


#: Many times the longest wait for a submission of a million images, which holds SQLite for about a second. A cache four
#: times as large stores 300,000 different prompts 3 % sooner, and makes walks over ten million images a quarter larger.
COMMAND = Limits(lock_s=30.0, silence_s=300.0, connect_s=10, pings=True, cache_kib=4096)

#: A worker reads few pages twice, and the cache keeps every page that it wrote until it is full.
WORKER = Limits(lock_s=1.0, silence_s=2.0, connect_s=2, pings=False, cache_kib=512)
