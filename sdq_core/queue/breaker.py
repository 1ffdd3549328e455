"""Keeps a worker's only thread from waiting for a Redis that is silent: suspended, swapping, cut off.

redis-py runs each connect, command and pipeline through its connection's `Retry`. This one retries nothing: after a
failure it refuses every call for a while without touching the socket.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    ConnectionError,
    TimeoutError,
)
from redis.retry import Retry

from sdq_core.errors import SdqError, ServiceUnavailableError

#: After the first failure; one that lasted is followed by a longer pause each time.
_FIRST_PAUSE_S = 1.0

#: Heartbeats are tried every second meanwhile, so the first one after a silence comes at most 8 s late.
_LONGEST_PAUSE_S = 7.0

#: redis-py counts these as failures of the connection, but a server that says so is not silent.
_ANSWERS = (AuthenticationError, AuthorizationError, BusyLoadingError)

Result = TypeVar("Result")


class Breaker(Retry):
    """The state that all connections of one worker share.

    Refused calls raise ConnectionError with the last failure's message.
    """

    def __init__(self, revive: Callable[[], bool]) -> None:
        """Let calls through.

        revive: called after each failure; starts Redis again if it died, and says whether that was done. What it raises
        of sdq's errors is raised as ServiceUnavailableError: in the middle of a run, all trouble is worth waiting for.
        """
        super().__init__(NoBackoff(), 0)
        self._revive = revive
        self._pause_s = _FIRST_PAUSE_S
        self._refuse_until = 0.0
        self._failure = ""

    def __deepcopy__(self, memo: object) -> Breaker:
        """Return the same breaker: redis-py copies it for each connection."""
        return self

    def call_with_retry(
        self, do: Callable[[], Result], fail: Callable[..., Any], *args: Any, **options: Any
    ) -> Result:
        """Return what `do` returns, unless the last failure is too recent."""
        if time.monotonic() < self._refuse_until:
            raise ConnectionError(self._failure)
        try:
            result = super().call_with_retry(do, fail, *args, **options)
        except _ANSWERS:
            raise
        except (ConnectionError, TimeoutError, OSError) as error:
            self._open(error)
            raise
        self._pause_s = _FIRST_PAUSE_S
        return result

    def _open(self, failure: Exception) -> None:
        if time.monotonic() < self._refuse_until:  # a command's failure that was its connect's
            return
        self._failure = str(failure)
        self._refuse_until = time.monotonic() + self._pause_s
        self._pause_s = min(self._pause_s * 2, _LONGEST_PAUSE_S)
        try:
            revived = self._revive()
        except SdqError as error:
            self._failure = str(error)
            raise ServiceUnavailableError(self._failure) from failure
        if revived:
            self._refuse_until = 0.0
