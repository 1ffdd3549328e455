"""Redis and the ledger: which ones are used, whether they answer, and their versions."""

from __future__ import annotations

import contextlib
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from sdq.doctor.report import Fact, Section
from sdq_core.errors import ConfigurationError, SdqError
from sdq_core.privacy import masked_url
from sdq_core.queue.choice import choose_program
from sdq_core.queue.connection import from_url
from sdq_core.queue.failures import redis_errors
from sdq_core.queue.program import ServerProgram, running_program, too_old
from sdq_core.queue.retention import what_it_forgets
from sdq_core.queue.server import RedisServer
from sdq_core.settings import Settings

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
        connection = from_url(redis.Redis, settings.redis_url, **_PATIENCE)
    except ConfigurationError as error:
        return Section(title="Redis", facts=facts, problems=[str(error)])
    return _asked(connection, masked_url(settings.redis_url), facts, "answers")


def _embedded(server: RedisServer) -> Section:
    facts = [Fact(name="which", text="embedded: a server in the data folder, on a private socket")]
    if server.is_running():
        state = f"running as process {server.pid()}"
        return _asked(server.client(), server.url, facts, state, embedded=True)
    if server.is_silent():
        return Section(title="Redis", facts=facts, problems=[server.silence()])
    choice = choose_program(server.folder)
    if choice.passed_over:
        facts.append(Fact(name="passed over", text="; ".join(choice.passed_over)))
    if choice.program is None:
        return Section(title="Redis", facts=facts, problems=[choice.problem()])
    return Section(
        title="Redis",
        facts=[*facts, Fact(name="state", text="not running"), *_of_program(choice.program)],
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


def _asked(
    connection: redis.Redis, place: str, facts: list[Fact], state: str, *, embedded: bool = False
) -> Section:
    """Ask a server for its version and settings, and return the Redis section."""
    try:
        with contextlib.closing(connection), redis_errors(place):
            program = running_program(connection.info("server"))
            problems = [] if embedded else what_it_forgets(connection)
    except SdqError as error:
        return Section(title="Redis", facts=facts, problems=[str(error)])
    shown = _of_program(program) if embedded else [_version(program)]
    if reason := too_old(program):
        problems.insert(0, f"{reason}. Update it, or set SDQ_REDIS_URL to a newer one.")
    return Section(
        title="Redis",
        facts=[*facts, Fact(name="state", text=state), *shown],
        problems=problems,
    )


def _of_program(program: ServerProgram) -> list[Fact]:
    return [
        Fact(name="program", text=f"{program.path}, from {program.origin}"),
        _version(program),
    ]


def _version(program: ServerProgram) -> Fact:
    return Fact(name="version", text=f"{program.version} ({program.kind})")
