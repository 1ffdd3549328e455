"""Options under headings, for a command that has many."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import click


class _HeadedOption(click.Option):
    def __init__(self, *args: Any, heading: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.heading = heading


class GroupedCommand(click.Command):
    """A command whose help shows options under their headings, and those without one last."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                heading = parameter.heading if isinstance(parameter, _HeadedOption) else ""
                sections.setdefault(heading, []).append(record)
        rest = sections.pop("", [])
        for heading, records in (*sections.items(), ("Options", rest)):
            with formatter.section(heading):
                formatter.write_dl(records)


def options_under(heading: str) -> Callable[..., Callable[[Any], Any]]:
    """Return `click.option` for options under a heading."""
    return partial(click.option, cls=_HeadedOption, heading=heading)
