"""Connects to Redis: the data folder's own, or another."""

from __future__ import annotations

import logging
import time

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from sdq_core.errors import ConfigurationError
from sdq_core.queue.client import Client
from sdq_core.queue.failures import redis_errors
from sdq_core.queue.server import RedisServer
from sdq_core.settings import Settings

log = logging.getLogger(__name__)

_LOADING_POLL_S = 0.1


def connect(settings: Settings, *, wait_until_loaded: bool = True) -> redis.Redis:
    """Connect to the Redis of the settings, and start the embedded one if needed.

    wait_until_loaded: wait while it says that it is still loading its file, however long that takes.

    Raise ServiceUnavailableError if it does not answer, or is loading and that is not to be waited for.
    """
    if settings.redis_url is None:
        server = RedisServer(settings.redis_folder)
        server.ensure_running()
        url = server.url
    else:
        url = settings.redis_url
    try:
        # No retries at this level: callers know what a retry would mean.
        connection = Client.from_url(url, socket_connect_timeout=5, retry=Retry(NoBackoff(), 0))
    except ValueError as error:
        raise ConfigurationError(f"{url!r} is not a Redis URL: {error}.") from None
    with redis_errors(url):
        if wait_until_loaded:
            _wait_until_loaded(connection)
        connection.ping()
    return connection


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
