"""Connects to Redis: the data folder's own, or another."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator
from typing import Any, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from sdq_core.errors import ConfigurationError
from sdq_core.privacy import is_clear
from sdq_core.queue.breaker import Breaker
from sdq_core.queue.client import Client
from sdq_core.queue.failures import redis_errors
from sdq_core.queue.server import RedisServer
from sdq_core.settings import Settings

_Redis = TypeVar("_Redis", bound=redis.Redis)

log = logging.getLogger(__name__)

_LOADING_POLL_S = 0.1

#: How long a command waits for each answer.
_COMMAND_S = 5.0

#: How long a worker does: it has one thread, which is needed elsewhere.
_WORKER_S = 0.5


def connect(settings: Settings, *, wait_until_loaded: bool = True) -> redis.Redis:
    """Connect a command to the Redis of the settings, and start the embedded one if needed.

    wait_until_loaded: wait while it says that it is still loading its file, however long that takes.

    Raise ServiceUnavailableError if it does not answer, or is loading and that is not to be waited for.
    """
    server = _embedded(settings)
    if server:
        server.ensure_running()
    url = server.url if server else settings.redis_url or ""
    # No retries at this level: callers know what a retry would mean.
    connection = _client(settings, server, timeout_s=_COMMAND_S, retry=Retry(NoBackoff(), 0))
    with redis_errors(url):
        if wait_until_loaded:
            _wait_until_loaded(connection)
        connection.ping()
    return connection


def connect_worker(settings: Settings) -> redis.Redis:
    """Connect a worker as a command is, and never let it wait for long from then on.

    While Redis is silent, calls wait for a moment or fail at once (`sdq_core.queue.breaker`). An embedded one that died
    is started again by the call that meets it.
    """
    connect(settings).close()
    server = _embedded(settings)
    breaker = Breaker(server.revive if server else lambda: False)
    return _client(settings, server, timeout_s=_WORKER_S, retry=breaker)


@contextlib.contextmanager
def patience(connection: redis.Redis) -> Iterator[None]:
    """Let a worker's calls in the block take as long as a command's: calls that list or queue very many jobs."""
    usual = connection.connection_pool
    options = usual.connection_kwargs
    timeout_s = max(options.get("socket_timeout") or _COMMAND_S, _COMMAND_S)
    patient = redis.ConnectionPool(
        connection_class=usual.connection_class, **options | {"socket_timeout": timeout_s}
    )
    connection.connection_pool = patient
    try:
        yield
    finally:
        connection.connection_pool = usual
        patient.disconnect()


def from_url(kind: type[_Redis], url: str, **options: Any) -> _Redis:
    """Return a client of a kind for a URL; raise ConfigurationError, which does not quote it, if it is none."""
    if is_clear(url, never_in_login="/?#"):
        with contextlib.suppress(ValueError):
            client = kind.from_url(url, **options)
            assert isinstance(client, kind)
            return client
    raise ConfigurationError(
        "SDQ_REDIS_URL is not a Redis URL (it is not shown, as it may hold a password). Write it like "
        "redis://USER:PASSWORD@HOST:6379/0, rediss://HOST:6379/0 or unix:///PATH; in a password, write % as %25, "
        "/ as %2F, ? as %3F, # as %23 and @ as %40."
    )


def _embedded(settings: Settings) -> RedisServer | None:
    return RedisServer(settings.redis_folder) if settings.redis_url is None else None


def _client(
    settings: Settings, server: RedisServer | None, *, timeout_s: float, retry: Retry
) -> redis.Redis:
    if server:
        return Client.from_pool(server.connection_pool(timeout_s=timeout_s, retry=retry))
    return from_url(
        Client,
        settings.redis_url or "",
        socket_connect_timeout=timeout_s,
        socket_timeout=timeout_s,
        retry=retry,
    )


def _wait_until_loaded(connection: redis.Redis) -> None:
    """Wait as long as a server says that it is loading its file: it was just started and will be ready."""
    told = False
    while True:
        try:
            connection.ping()
        except redis.exceptions.BusyLoadingError:
            if not told:
                log.warning("Redis is loading its file. Waiting until it is ready.")
                told = True
            time.sleep(_LOADING_POLL_S)
        else:
            return
