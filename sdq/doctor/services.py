"""Redis and the ledger: which, whether they answer, and of what version."""

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
#: No retries, and an end to waiting: a server that hangs is a finding.
_PATIENCE: dict[str, Any] = {
    "socket_connect_timeout": 5,
    "socket_timeout": 5,
    "retry": Retry(NoBackoff(), 0),
}


def queues(settings: Settings) -> Section:
    """Look at the Redis of the settings; the embedded one is not started."""
    if settings.redis_url is None:
        return _embedded(RedisServer(settings.redis_folder))
    facts = [
        Fact(
            name="which", said=f"{masked_url(settings.redis_url)} [{settings.origins['redis_url']}]"
        )
    ]
    try:
        connection = redis.Redis.from_url(settings.redis_url, **_PATIENCE)
    except ValueError:
        return Section(
            title="Redis",
            facts=facts,
            problems=[
                f"What {settings.origins['redis_url']} says is no Redis URL (it may hold a password and is not shown): "
                "write redis://HOST:6379/0, rediss://HOST:6379/0 or unix:///PATH."
            ],
        )
    return _asked(connection, masked_url(settings.redis_url), facts, "answers")


def _embedded(server: RedisServer) -> Section:
    facts = [Fact(name="which", said="embedded: a redis-server of the data folder, on its socket")]
    if server.is_running():
        connection = redis.Redis(unix_socket_path=str(server.socket), **_PATIENCE)
        return _asked(connection, server.url, facts, f"runs as process {server.pid()}")
    if server.is_silent():
        problem = (
            f"The embedded Redis is there and does not answer: process {server.pid()}. Look again in a moment; if it "
            "stays so, end that process."
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
            f"{program} cannot be run ({error}): install another one (`brew install redis`, `apt install "
            "redis-server`), or set SDQ_REDIS_URL to a Redis that runs elsewhere."
        )
        return Section(title="Redis", facts=facts, problems=[problem])
    facts += [
        Fact(name="state", said="does not run"),
        Fact(name="program", said=str(program)),
        Fact(name="version", said=version),
    ]
    return Section(
        title="Redis",
        facts=facts,
        problems=_too_old(version),
        not_tried=["Starting it; the first command that needs it does so."],
    )


def ledger(settings: Settings) -> Section:
    """Look at the ledger of the settings; it is neither made nor migrated."""
    from db.inspection import inspect_ledger

    origin = settings.origins["database_url"]
    facts = [Fact(name="which", said=f"{masked_url(settings.database_url)} [{origin}]")]
    try:
        state = inspect_ledger(settings.database_url)
    except SdqError as error:
        return Section(title="Ledger", facts=facts, problems=[str(error)])
    facts.append(Fact(name="kind", said=state.server))
    if state.revision is not None:
        newest = state.revision == state.newest
        said = "answers" if newest else "of an older sdq; the next command brings it up to date"
        facts += [Fact(name="state", said=said), Fact(name="schema", said=state.revision)]
        return Section(title="Ledger", facts=facts)
    facts.append(Fact(name="state", said="answers, and is empty" if state.there else "not there"))
    return Section(
        title="Ledger",
        facts=facts,
        not_tried=["Making its tables; the first command that needs it does so."],
    )


def _asked(connection: redis.Redis, place: str, facts: list[Fact], state: str) -> Section:
    """Ask a server for its version, and give the section that comes of it."""
    try:
        with contextlib.closing(connection), redis_errors(place):
            version = str(connection.info("server")["redis_version"])
    except SdqError as error:
        return Section(title="Redis", facts=facts, problems=[str(error)])
    return Section(
        title="Redis",
        facts=[*facts, Fact(name="state", said=state), Fact(name="version", said=version)],
        problems=_too_old(version),
    )


def _version_of(program: Path) -> str:
    said = subprocess.run(
        [program, "--version"],
        capture_output=True,
        text=True,
        timeout=_VERSION_TIMEOUT_S,
        check=True,
    ).stdout
    found = re.search(r"v=(\d[\w.]*)", said)
    return found[1] if found else "unknown"


def _too_old(version: str) -> list[str]:
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    if numbers and numbers < _OLDEST_REDIS:
        return [
            f"Redis {version} is too old, sdq needs 6.2 or newer: update it, or set SDQ_REDIS_URL to a newer one."
        ]
    return []
