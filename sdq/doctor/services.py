"""Redis and the ledger: which ones are used, whether they answer, and their versions."""

from __future__ import annotations

import contextlib
import re
import subprocess
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from sdq.doctor.privacy import masked_url
from sdq.doctor.report import Fact, Section
from sdq_core.errors import SdqError
from sdq_core.queue.queues import redis_errors
from sdq_core.queue.server import RedisServer, find_redis_server
from sdq_core.settings import Settings

#: Older ones lack LMOVE.
_OLDEST_REDIS = (6, 2)
_VERSION_TIMEOUT_S = 10
#: No retries and short timeouts: a server that hangs is a finding.
_PATIENCE: dict[str, Any] = {
    "socket_connect_timeout": 5,
    "socket_timeout": 5,
    "retry": Retry(NoBackoff(), 0),
}


def queues(settings: Settings) -> Section:
    """Examine the Redis of the settings; the embedded one is not started."""
    if settings.redis_url is None:
        return _embedded(RedisServer(settings.redis_folder))
    facts = [
        Fact(
            name="which", text=f"{masked_url(settings.redis_url)} [{settings.origins['redis_url']}]"
        )
    ]
    try:
        connection = redis.Redis.from_url(settings.redis_url, **_PATIENCE)
    except ValueError:
        return Section(
            title="Redis",
            facts=facts,
            problems=[
                f"The value from {settings.origins['redis_url']} is not a Redis URL (not shown, as it may contain a "
                "password): use redis://HOST:6379/0, rediss://HOST:6379/0 or unix:///PATH."
            ],
        )
    return _asked(connection, masked_url(settings.redis_url), facts, "answers")


def _embedded(server: RedisServer) -> Section:
    facts = [
        Fact(name="which", text="embedded: a redis-server in the data folder, on a private socket")
    ]
    if server.is_running():
        connection = redis.Redis(unix_socket_path=str(server.socket), **_PATIENCE)
        return _asked(connection, server.url, facts, f"running as process {server.pid()}")
    if server.is_silent():
        problem = (
            f"The embedded Redis (process {server.pid()}) does not answer. Try again in a moment; if that does not "
            "help, end that process."
        )
        return Section(title="Redis", facts=facts, problems=[problem])
    try:
        program = find_redis_server()
    except SdqError as error:
        return Section(title="Redis", facts=facts, problems=[str(error)])
    try:
        version = _version_of(program)
    except (OSError, subprocess.SubprocessError) as error:
        problem = (
            f"{program} cannot be run ({error}): install another redis-server (`brew install redis`, `apt install "
            "redis-server`), or set SDQ_REDIS_URL to a Redis that is already running."
        )
        return Section(title="Redis", facts=facts, problems=[problem])
    facts += [
        Fact(name="state", text="not running"),
        Fact(name="program", text=str(program)),
        Fact(name="version", text=version),
    ]
    return Section(
        title="Redis",
        facts=facts,
        problems=_too_old(version),
        not_tried=["Starting it: the first command that needs it will."],
    )


def ledger(settings: Settings) -> Section:
    """Examine the ledger of the settings; it is neither created nor migrated."""
    from db.inspection import inspect_ledger

    origin = settings.origins["database_url"]
    facts = [Fact(name="which", text=f"{masked_url(settings.database_url)} [{origin}]")]
    try:
        state = inspect_ledger(settings.database_url)
    except SdqError as error:
        return Section(title="Ledger", facts=facts, problems=[str(error)])
    facts.append(Fact(name="kind", text=state.server))
    if state.revision is not None:
        newest = state.revision == state.newest
        text = "answers" if newest else "from an older sdq; the next command upgrades it"
        facts += [Fact(name="state", text=text), Fact(name="schema", text=state.revision)]
        return Section(title="Ledger", facts=facts)
    facts.append(
        Fact(name="state", text="answers, but is empty" if state.there else "not created yet")
    )
    return Section(
        title="Ledger",
        facts=facts,
        not_tried=["Creating its tables: the first command that needs them will."],
    )


def _asked(connection: redis.Redis, place: str, facts: list[Fact], state: str) -> Section:
    """Ask a server for its version, and give the Redis section."""
    try:
        with contextlib.closing(connection), redis_errors(place):
            version = str(connection.info("server")["redis_version"])
    except SdqError as error:
        return Section(title="Redis", facts=facts, problems=[str(error)])
    return Section(
        title="Redis",
        facts=[*facts, Fact(name="state", text=state), Fact(name="version", text=version)],
        problems=_too_old(version),
    )


def _version_of(program: Path) -> str:
    output = subprocess.run(
        [program, "--version"],
        capture_output=True,
        text=True,
        timeout=_VERSION_TIMEOUT_S,
        check=True,
    ).stdout
    found = re.search(r"v=(\d[\w.]*)", output)
    return found[1] if found else "unknown"


def _too_old(version: str) -> list[str]:
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    if numbers and numbers < _OLDEST_REDIS:
        return [
            f"Redis {version} is too old; sdq needs 6.2 or newer. Update it, or set SDQ_REDIS_URL to a newer one."
        ]
    return []
