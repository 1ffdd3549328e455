"""redis-py's client, which says what a server refused, and remembers what it granted.

redis-py names neither the command nor the key that a user may not use. And whether a refusal lasts depends on what went
before: at the first use of a key it is a mistake in the settings, in the middle of a night it is a server that was
restarted without its users. So refusals become sdq's errors here; all else that redis-py raises passes through.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import redis
from redis.client import Pipeline
from redis.exceptions import RedisError

from sdq_core.queue.failures import Command, kind_of, refusal, requested


class Client(redis.Redis):
    """A connection to one server. Its methods raise ConfigurationError for what the server refuses for good."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._granted = _Granted()

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send a command and return the answer."""
        with self._granted.asking([args]):
            return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:
        """Return a pipeline, by default a transaction."""
        return _Pipeline(
            self.connection_pool,
            self.response_callbacks,
            transaction,
            shard_hint,
            granted=self._granted,
        )


class _Pipeline(Pipeline):
    def __init__(self, *args: Any, granted: _Granted) -> None:
        super().__init__(*args)
        self._granted = granted

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        with self._granted.asking([command for command, _ in self.command_stack]):
            return super().execute(raise_on_error)


class _Granted:
    """What a server granted, and what of that it refuses now: then it is not what it was, whatever else it refuses."""

    def __init__(self) -> None:
        self._kinds: set[str] = set()
        self._lost: set[str] = set()

    @contextlib.contextmanager
    def asking(self, commands: Sequence[Command]) -> Iterator[None]:
        kinds = {kind_of(requested(command)) for command in commands}
        try:
            yield
        except RedisError as error:
            granted = self._kinds | kinds if self._lost else self._kinds
            if refused := refusal(error, commands, granted=granted):
                if refused.retryable:
                    self._lost |= kinds & self._kinds
                raise refused from error
            raise
        self._kinds |= kinds
        self._lost -= kinds
