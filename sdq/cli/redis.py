"""`sdq redis`: the embedded Redis."""

from __future__ import annotations

import click

from sdq.cli.options import settings_options
from sdq.cli.outcome import Outcome, outcome_options
from sdq.data_folder import refuse_absent_drive
from sdq_core.errors import (
    EXIT_OK,
    EXIT_UNAVAILABLE,
    ConfigurationError,
    ServiceUnavailableError,
)
from sdq_core.settings import Settings


@click.command("redis")
@click.argument("action", type=click.Choice(["status", "start", "stop"]), default="status")
@outcome_options
@settings_options
def command(settings: Settings, action: str, outcome: Outcome) -> int:
    """Show, start or stop the embedded Redis of the data folder.

    Commands start it when they need it; use this to look at it or to stop it.
    """
    from sdq_core.queue.choice import choose_program
    from sdq_core.queue.server import RedisServer

    if settings.redis_url is not None:
        origin = settings.origins["redis_url"]
        outcome.say(f"The embedded Redis is not used: {origin} names another one.")
        outcome.tell(state="not used", origin=origin)
        return EXIT_OK
    server = RedisServer(settings.redis_folder)
    if action == "start":
        refuse_absent_drive(settings)
        server.ensure_running()
    elif action == "stop":
        server.stop()
    if server.is_silent():
        raise ServiceUnavailableError(server.silence())
    if server.is_running():
        pid, program = server.pid(), server.program()
        outcome.say(f"running, process {pid}, {server.url}")
        outcome.say(str(program or "loading its file"))
        outcome.tell(state="running", pid=pid, url=server.url, program=program)
        return EXIT_OK
    outcome.say("not running")
    if action == "stop":
        outcome.tell(state="not running")
        return EXIT_OK
    choice = choose_program(server.folder)
    for reason in choice.passed_over:
        outcome.say(f"passed over: {reason}")
    if choice.program is None:
        raise ConfigurationError(choice.problem())
    outcome.say(f"would start {choice.program}")
    outcome.tell(state="not running", program=choice.program, passed_over=list(choice.passed_over))
    return EXIT_UNAVAILABLE
