"""Connections to PostgreSQL that do not wait for ever: for a server that hangs, is frozen or gone, or for a lock."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

import psycopg
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL

from db.limits import Limits

#: For a peer that is gone without a word, when nothing is asked of it (libpq's names; the last is in ms).
_DEAD_PEER = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that is closed when its server has said nothing for `silence_s` while something was asked of it.

    It is closed and not cancelled, because cancelling asks the same server. Whether a commit that was under way took
    place is then unknown, as with any lost connection.
    """

    silence_s = float("inf")

    def wait(self, gen: Generator[Any, Any, Any], *args: Any, **kwargs: Any) -> Any:
        """Wait as psycopg does, which looks up every tenth of a second."""
        return super().wait(self._bounded(gen), *args, **kwargs)

    def _bounded(self, gen: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        try:
            wanted = next(gen)
            heard_at = time.monotonic()
            while True:
                ready = yield wanted
                if ready:
                    heard_at = time.monotonic()
                elif time.monotonic() - heard_at > self.silence_s:
                    self.pgconn.finish()
                    raise psycopg.OperationalError(
                        f"the server has said nothing for {self.silence_s:g} s"
                    )
                wanted = gen.send(ready)
        except StopIteration as end:
            return end.value


def postgresql_engine(url: URL, limits: Limits) -> Engine:
    """Return an engine whose connections keep to the limits; what the URL says about connecting comes first."""
    wanted = {"connect_timeout": limits.connect_s, **_DEAD_PEER}
    engine = create_engine(
        url,
        pool_pre_ping=limits.pings,
        connect_args={name: value for name, value in wanted.items() if name not in url.query},
    )

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, _record: Any, cargs: Any, cparams: Any) -> BoundedConnection:
        connection = BoundedConnection.connect(*cargs, **cparams)
        connection.silence_s = limits.silence_s
        # The server itself gives up waiting for a lock: of a connection that we close, it would wait on.
        connection.execute(f"SET lock_timeout = {int(limits.silence_s * 750)}".encode())
        connection.commit()
        return connection

    return engine
