"""The options that limit when, how long and how much `sdq worker` and `sdq run` draw."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import click

from sdq_core.errors import UsageError
from sdq_core.values.hours import Hours, next_moment

Command = TypeVar("Command", bound=Callable[..., Any])


def limit_options(command: Command) -> Command:
    """Add the options that end the drawing; the command gets a `limits` argument."""

    @functools.wraps(command)
    def with_limits(
        *args: Any,
        until: str | None,
        max_minutes: float | None,
        max_images: int | None = None,
        hours: str | None = None,
        on_ac_only: bool = False,
        pause_when_hot: bool = False,
        **kwargs: Any,
    ) -> Any:
        from worker.duty.limits import Limits

        if pause_when_hot and sys.platform != "darwin":
            raise UsageError("--pause-when-hot works on Macs only: leave it out here.")
        limits = Limits(
            until=None if until is None else next_moment(until, datetime.now(UTC)),
            max_s=None if max_minutes is None else max_minutes * 60,
            max_images=max_images,
            hours=None if hours is None else Hours.parse(hours),
            on_ac_only=on_ac_only,
            pause_when_hot=pause_when_hot,
        )
        return command(*args, limits=limits, **kwargs)

    for option in (
        click.option(
            "--max-minutes",
            type=click.FloatRange(0, min_open=True),
            metavar="N",
            help="End after N minutes.",
        ),
        click.option(
            "--until", metavar="HH:MM", help="End at the next HH:MM; the image in hand is saved."
        ),
    ):
        with_limits = option(with_limits)
    return with_limits  # type: ignore[return-value]


def worker_limit_options(command: Command) -> Command:
    """Add what only a worker can be told; goes above `limit_options`.

    `sdq run` draws one batch, whose size its own --max-images limits.
    """
    for option in (
        click.option(
            "--max-images", type=click.IntRange(1), metavar="N", help="End after N images."
        ),
        click.option(
            "--pause-when-hot",
            is_flag=True,
            help="Pause while macOS reports heavy thermal pressure, until a minute after it is lower.",
        ),
        click.option("--on-ac-only", is_flag=True, help="Pause while on battery power."),
        click.option(
            "--hours",
            metavar="HH:MM-HH:MM",
            help="Draw only within these hours of each day, such as 22:00-07:00; wait outside them.",
        ),
    ):
        command = option(command)
    return command
