"""Translates what redis-py raises into sdq's errors; no other place catches its exceptions."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import redis

from sdq_core.errors import ConfigurationError, ServiceUnavailableError


@contextlib.contextmanager
def redis_errors(url: str = "") -> Iterator[None]:
    """Translate what redis-py raises in the block. url: named in the message."""
    try:
        yield
    except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError, OSError) as error:
        place = f" at {url.rsplit('@', 1)[-1]}" if url else ""
        raise ServiceUnavailableError(
            f"Redis{place} does not answer ({error}). Start it or correct SDQ_REDIS_URL, then run the command again; "
            "nothing is lost."
        ) from error
    except redis.exceptions.ResponseError as error:
        if "unknown" in str(error).lower() and "command" in str(error).lower():  # LMOVE or COPY
            raise ConfigurationError(
                f"This Redis is too old; sdq needs 6.2 or newer ({error}). Update it or use another one."
            ) from error
        raise ServiceUnavailableError(f"Redis refused a command: {error}.") from error
