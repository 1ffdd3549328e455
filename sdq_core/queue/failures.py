"""Translates what redis-py raises into sdq's errors; no other place catches its exceptions.

They are sorted by whether they heal. A server that loads its file, is full or fails over is waited for. What a server
refuses to a user, or does not have, it will refuse again, so that ends a command; unless the same was granted to this
process before (`sdq_core.queue.client`), because then the server is not what it was, and may become so again.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterator, Sequence

from redis import exceptions

from sdq_core.errors import ConfigurationError, SdqError, ServiceUnavailableError
from sdq_core.privacy import masked_url

#: What sdq needs of a user; `tests/core/test_refusals.py` runs it with these rights and no others.
RIGHTS = "~rq:* ~sdq:* +@all -@dangerous +info"

_NEEDS = (
    f"Grant what sdq needs with `ACL SETUSER NAME {RIGHTS}`, or name another user in SDQ_REDIS_URL"
)
_CLUSTER = "A Redis Cluster is not supported. Name a single server in SDQ_REDIS_URL, or a primary with replicas"

# What lasts: redis-py's classes or words of the server's message, what is said of {request}, and the next step.
_REFUSED: tuple[tuple[tuple[type[Exception], ...], tuple[str, ...], str, str], ...] = (
    ((exceptions.NoPermissionError,), (), "does not allow its user {request}", _NEEDS),
    ((exceptions.ClusterCrossSlotError, exceptions.MovedError, exceptions.AskError),
     ("in cluster mode", "in a cluster node", "to the same slot"), "refused {request}", _CLUSTER),
    ((), ("unknown command", "Unknown command", "Unknown Redis command"),
     "is too old; sdq needs 6.2 or newer, which has {request}",
     "Update it, or name another one in SDQ_REDIS_URL"),
)  # fmt: skip

# The same for a connection, before anything is asked for.
_NOT_LET_IN: tuple[tuple[tuple[type[Exception], ...], tuple[str, ...], str, str], ...] = (
    ((exceptions.AuthenticationError, exceptions.AuthorizationError), ("DENIED",),
     "rejected the user or the password", "Correct SDQ_REDIS_URL: redis://USER:PASSWORD@HOST:6379/0"),
    ((), ("DB index",), "has no database of that number", "Correct the number at the end of SDQ_REDIS_URL"),
)  # fmt: skip

# What heals, by the first word of the server's message or redis-py's class for it.
_HEALS: tuple[tuple[type[Exception] | str, str], ...] = (
    (exceptions.BusyLoadingError, "is loading its file. Try again when it is ready"),
    (exceptions.OutOfMemoryError, "is full. Raise its maxmemory, or remove what else it holds"),
    (exceptions.ReadOnlyError, "is a replica that cannot be written. Name the primary in SDQ_REDIS_URL"),
    (exceptions.MasterDownError, "is a replica without its primary. Start that one, or name it in SDQ_REDIS_URL"),
    (exceptions.ClusterDownError, f"is a cluster that is down. {_CLUSTER}"),
    ("MISCONF", "cannot save to its disk, and accepts nothing until it can. Free some space there"),
    ("BUSY", "is busy with a script of another program. Try again"),
    ("NOREPLICAS", "misses replicas that it was told to wait for. Start them"),
)  # fmt: skip

_IN_PIPELINE = re.compile(r"Command # (\d+) \(.*\) of pipeline caused error: (.*)", re.DOTALL)
_SCRIPTS = frozenset({"EVAL", "EVALSHA", "FCALL"})

Command = Sequence[object]


@contextlib.contextmanager
def redis_errors(url: str = "") -> Iterator[None]:
    """Translate what redis-py raises in the block. url: named in the message."""
    try:
        yield
    except (
        exceptions.ConnectionError,
        exceptions.TimeoutError,
        exceptions.ResponseError,
        OSError,
    ) as error:
        name = f"Redis at {masked_url(url)}" if url else "Redis"
        if refused := refusal(error, name=name):
            raise refused from error
        raise ServiceUnavailableError(_trouble(error, name)) from error


def refusal(
    error: Exception,
    commands: Sequence[Command] = (),
    *,
    granted: Collection[str] = (),
    name: str = "Redis",
) -> SdqError | None:
    """Return sdq's error if a server's answer is one that lasts, else None.

    commands: what was sent. granted: the kinds of command that were granted before, as `kind_of` returns them.
    """
    number, text = _place(error)
    request = requested(commands[number]) if commands else ""
    known_here = kind_of(request) in granted
    for rows, was_granted in ((_REFUSED, known_here), (_NOT_LET_IN, bool(granted))):
        for classes, words, what, next_step in rows:
            if isinstance(error, classes) or any(word in text for word in words):
                kind = ServiceUnavailableError if was_granted else ConfigurationError
                said = what.format(request=f"`{request}`" if request else "that command")
                return kind(f"{name} {said} ({text.rstrip('.')}). {next_step}.")
    return None


def requested(command: Command) -> str:
    """Return a command's name and first key, such as ``HSET rq:job:17``."""
    name, *arguments = (
        word.decode(errors="replace") if isinstance(word, bytes) else str(word)
        for word in command[:4]
    )
    place = 2 if name in _SCRIPTS else 0  # behind the script and the number of keys
    return " ".join([name, *arguments[place : place + 1]])


def kind_of(request: str) -> str:
    """Return what a server's rules may tell apart, such as ``HSET rq:job`` for all jobs."""
    return ":".join(request.split(":")[:2])


def _place(error: Exception) -> tuple[int, str]:
    """Return the index of the command that failed among those of its pipeline, and the server's own words."""
    found = _IN_PIPELINE.fullmatch(str(error))
    return (int(found[1]) - 1, found[2]) if found else (0, str(error))


def _trouble(error: Exception, name: str) -> str:
    _, text = _place(error)
    for kind, what in _HEALS:
        if text.startswith(kind) if isinstance(kind, str) else isinstance(error, kind):
            return f"{name} {what}. It reports: {text.rstrip('.')}."
    if isinstance(error, exceptions.ResponseError):
        return f"{name} refused a command: {error}."
    return (
        f"{name} does not answer ({error}). Start it or correct SDQ_REDIS_URL, then run the command again; "
        "nothing is lost."
    )
