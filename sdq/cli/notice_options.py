"""The options that say who is told when a batch ends."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click

from sdq.submitting.options import value_of
from sdq_core.errors import UsageError
from sdq_core.settings import Settings
from sdq_core.values.receivers import Receivers, check_address, check_apprise, check_command

Command = TypeVar("Command", bound=Callable[..., Any])


def notice_options(command: Command) -> Command:
    """Add the options that name receivers, below `settings_options`; the command gets a `receivers` argument."""

    @functools.wraps(command)
    def with_receivers(
        *args: Any,
        settings: Settings,
        on_done: str | None,
        webhook: str | None,
        ping: str | None,
        apprise: tuple[str, ...],
        mac_notice: bool,
        **kwargs: Any,
    ) -> Any:
        with value_of("--on-done"):
            on_done = on_done if on_done is None else check_command(on_done)
        with value_of("--webhook"):
            webhook = webhook if webhook is None else check_address(webhook)
        with value_of("--ping"):
            ping = ping if ping is None else check_address(ping)
        with value_of("--apprise"):
            apprise = tuple(map(check_apprise, apprise))
        receivers = Receivers(
            on_done=on_done, webhook=webhook, ping=ping, apprise=apprise, mac=mac_notice
        )
        if on_done is not None:
            _refuse_untrusted(settings)
        return command(*args, settings=settings, receivers=receivers, **kwargs)

    for option in reversed(
        (
            click.option("--on-done", metavar="CMD",
                         help="When the batch ends, run a shell command with its summary as JSON on standard input."),
            click.option("--webhook", metavar="URL",
                         help="When the batch ends, post its summary to a URL (Standard Webhooks)."),
            click.option("--ping", metavar="URL",
                         help="Ping URL/start when the batch begins and URL/EXIT_CODE when it ends (healthchecks.io)."),
            click.option("--apprise", multiple=True, metavar="URL",
                         help="When the batch ends, notify a service by its Apprise URL; may be repeated."),
            click.option("--mac-notice", is_flag=True,
                         help="When the batch ends, show a notification, if the worker is on a Mac."),
        )
    ):  # fmt: skip
        with_receivers = option(with_receivers)
    return with_receivers  # type: ignore[return-value]


def _refuse_untrusted(settings: Settings) -> None:
    """Raise UsageError for a command that no worker would run, because of where the ledger is."""
    from sdq.notices.trust import runs_commands

    if not runs_commands(settings):
        raise UsageError(
            "--on-done needs the data folder's own ledger: a worker runs no command from a ledger that others can "
            "write. Name it as on_done in [notify] of sdq.toml where the worker runs, or use --webhook or --ping."
        )
