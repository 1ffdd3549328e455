"""What a command did: a sentence for people, one JSON object for programs, or nothing."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How the running command says what it did."""

    as_json: bool
    quiet: bool

    def say(self, sentence: str) -> None:
        """Print a sentence for people; programs find what it says in `tell`."""
        if not self.as_json and not self.quiet:
            click.echo(sentence)

    def tell(self, **facts: Any) -> None:
        """Print everything for programs, as one JSON object."""
        if self.as_json:
            click.echo(json.dumps(facts, default=str))


def outcome_options(command: Command) -> Command:
    """Add --json and -q, for a command that changes something; the command gets an `outcome` argument."""

    @functools.wraps(command)
    def with_outcome(*args: Any, as_json: bool, quiet: bool, **kwargs: Any) -> Any:
        return command(*args, outcome=Outcome(as_json=as_json, quiet=quiet), **kwargs)

    for option in (
        click.option("-q", "--quiet", is_flag=True, help="Print nothing on success."),
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object."),
    ):
        with_outcome = option(with_outcome)
    return with_outcome  # type: ignore[return-value]
