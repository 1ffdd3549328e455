"""A click group that knows its commands by name and imports one only when it is called."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from typing import Any

import click
from click.shell_completion import CompletionItem


class LazyGroup(click.Group):
    """Command NAME lives in `sdq.cli.NAME` as `command`; its one-line help is known without importing it."""

    def __init__(
        self,
        *args: Any,
        commands_help: Mapping[str, str],
        former_names: Mapping[str, str],
        **kwargs: Any,
    ) -> None:
        """former_names: those that scripts may still use, and the commands that they mean."""
        super().__init__(*args, **kwargs)
        self._commands_help = commands_help
        self._former_names = former_names

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names in the order a newcomer needs them."""
        return list(self._commands_help)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import and return one command."""
        cmd_name = self._former_names.get(cmd_name, cmd_name)
        if cmd_name not in self._commands_help:
            return None
        command = importlib.import_module(f"sdq.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command; suggest the nearest name for one that does not exist."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            near = difflib.get_close_matches(args[0], self._commands_help, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"There is no command {args[0]!r}.{hint}", ctx) from None

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """Offer the commands without importing any, then the group's own options."""
        commands = [
            CompletionItem(name, help=text)
            for name, text in self._commands_help.items()
            if name.startswith(incomplete)
        ]
        return [*commands, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self._commands_help.items()))
