"""`sdq services`: the embedded Redis."""

from __future__ import annotations

import click

from sdq.cli.data_folder import refuse_absent_drive
from sdq.cli.options import settings_options
from sdq_core.errors import (
    EXIT_OK,
    EXIT_UNAVAILABLE,
    ConfigurationError,
    ServiceUnavailableError,
)
from sdq_core.settings import Settings


@click.command("services")
@click.argument("action", type=click.Choice(["status", "start", "stop"]), default="status")
@settings_options
def command(settings: Settings, action: str) -> int:
    """Show, start or stop the embedded Redis of the data folder.

    Commands start it when they need it; use this to look at it or to stop it.
    """
    from sdq_core.queue.choice import choose_program
    from sdq_core.queue.server import RedisServer

    if settings.redis_url is not None:
        click.echo(
            f"The embedded Redis is not used: {settings.origins['redis_url']} names another one."
        )
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
        click.echo(f"running, process {server.pid()}, {server.url}")
        click.echo(server.program() or "loading its file")
        return EXIT_OK
    click.echo("not running")
    if action == "stop":
        return EXIT_OK
    choice = choose_program(server.folder)
    for reason in choice.passed_over:
        click.echo(f"passed over: {reason}")
    if choice.program is None:
        raise ConfigurationError(choice.problem())
    click.echo(f"would start {choice.program}")
    return EXIT_UNAVAILABLE
