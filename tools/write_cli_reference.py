"""Write docs/cli.md from the commands' own help, so that it cannot drift (`make docs`; a test compares)."""

from __future__ import annotations

from pathlib import Path

import click

from sdq.cli import cli

TARGET = Path(__file__).resolve().parents[1] / "docs" / "cli.md"
_WIDTH = 100


def reference() -> str:
    """Give the whole page."""
    parts = ["# Commands\n\nWritten by `make docs` from the program's own help.\n"]
    settings = {**cli.context_settings, "max_content_width": _WIDTH}
    group = click.Context(cli, info_name="sdq", terminal_width=_WIDTH, **settings)
    parts.append(_section("sdq", cli.get_help(group)))
    for name in cli.list_commands(group):
        command = cli.get_command(group, name)
        assert command is not None
        context = click.Context(command, info_name=name, parent=group)
        parts.append(_section(f"sdq {name}", command.get_help(context)))
        if isinstance(command, click.Group):
            for inner_name, inner in command.commands.items():
                inner_context = click.Context(inner, info_name=inner_name, parent=context)
                parts.append(_section(f"sdq {name} {inner_name}", inner.get_help(inner_context)))
    return "\n".join(parts)


def _section(title: str, text: str) -> str:
    return f"## {title}\n\n```text\n{text.rstrip()}\n```\n"


if __name__ == "__main__":
    TARGET.write_text(reference(), encoding="utf-8")
