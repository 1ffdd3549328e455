"""The option for how much memory a worker's engines may take."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click

from sdq.submitting.options import value_of
from sdq_core.settings import Settings
from sdq_core.values.sizes import parse_memory

Command = TypeVar("Command", bound=Callable[..., Any])


def read_max_memory(text: str | None, settings: Settings) -> int | None:
    """Return what --max-memory or the setting allows, bytes; None for any amount. Raise InputError for other words."""
    with value_of("--max-memory"):
        return settings.max_memory if text is None else parse_memory(text)


def memory_option(command: Command) -> Command:
    """Add `--max-memory` below the options for settings; the command gets a `max_memory` argument in bytes."""

    @click.option(
        "--max-memory",
        metavar="SIZE",
        help="The most memory for all models together, such as 12G or 80%, divided among lanes. Idle models are "
        "unloaded first, an engine that outgrows it is replaced between two images, and the parts of a model that is "
        "too large take turns [SDQ_MAX_MEMORY; no limit].",
    )
    @functools.wraps(command)
    def with_memory(*args: Any, settings: Settings, max_memory: str | None, **kwargs: Any) -> Any:
        limit = read_max_memory(max_memory, settings)
        return command(*args, settings=settings, max_memory=limit, **kwargs)

    return with_memory  # type: ignore[return-value]
