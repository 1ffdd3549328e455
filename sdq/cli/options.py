"""Options that several commands share."""

from __future__ import annotations

import contextlib
import functools
import logging
import sys
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sdq.data_folder import refuse_absent_drive
from sdq_core.printable import printable
from sdq_core.privacy import Secrets
from sdq_core.settings import Settings, read_settings

if TYPE_CHECKING:
    from db.ledger import Ledger
    from db.limits import Limits

Command = TypeVar("Command", bound=Callable[..., Any])


def settings_from(options: Mapping[str, str | None]) -> Settings:
    """Read the settings with these options, by their settings' names, and keep what is secret in them from now on."""
    settings = read_settings(options=options)
    secrets = _secrets()
    for url in (settings.redis_url, settings.database_url):
        if url:
            secrets.add_url(url)
    secrets.add_settings(settings.notify.addresses, settings.signing_secret)
    return settings


def long_options(ctx: click.Context) -> list[str]:
    """Return the options of the command that is called, those that are whole words."""
    return [
        option
        for parameter in ctx.command.get_params(ctx)
        for option in (*parameter.opts, *parameter.secondary_opts)
        if option.startswith("--")
    ]


def settings_options(command: Command) -> Command:
    """Add the options for where everything is; the command gets a `settings` argument."""

    @functools.wraps(command)
    def with_settings(
        *args: Any,
        home: str | None,
        redis_url: str | None,
        database_url: str | None,
        outputs: str | None,
        **kwargs: Any,
    ) -> Any:
        settings = settings_from(
            {
                "home": home,
                "redis_url": redis_url,
                "database_url": database_url,
                "outputs": outputs,
            }
        )
        return command(*args, settings=settings, **kwargs)

    for option in (
        click.option(
            "--outputs", metavar="DIR", help="Where to save images [SDQ_OUTPUTS; HOME/outputs]."
        ),
        click.option(
            "--database-url", metavar="URL", help="The ledger [SDQ_DATABASE_URL; SQLite in HOME]."
        ),
        click.option(
            "--redis-url", metavar="URL", help="The queues [SDQ_REDIS_URL; embedded in HOME]."
        ),
        click.option("--home", metavar="DIR", help="The data folder [SDQ_HOME; ~/.sdq]."),
    ):
        with_settings = option(with_settings)
    return with_settings  # type: ignore[return-value]


def drawing_options(*, threads: str, quiet: str) -> Callable[[Command], Command]:
    """Add the drawing options of `sdq run` and `sdq worker`; threads, quiet: the help texts of these options."""

    def add(command: Command) -> Command:
        for option in reversed(
            (
                click.option("--pipeline", type=click.Choice(["auto", "builtin", "apple"]), default="auto",
                             show_default=True,
                             help="The pipeline; auto uses Apple's own on a Mac if it is installed, for what it "
                                  "can draw."),
                click.option("--threads", type=click.IntRange(1), help=threads),
                click.option("--safety", type=click.Choice(["off", "flag", "blur", "black"]), default="flag",
                             show_default=True,
                             help="What to do with images that the model's safety checker flags: record their "
                                  "scores and leave the files as they are (flag), or also hide them in their files "
                                  "(blur, black). off does not run the checker."),
                click.option("--metadata/--no-metadata", default=True,
                             help="Write prompt and settings into the files."),
                click.option("-q", "--quiet", is_flag=True, help=quiet),
            )
        ):  # fmt: skip
            command = option(command)
        return command

    return add


def variant_key_option(help_text: str) -> Callable[[Command], Command]:
    """Add `--variant-key`; the command gets a `variant_key` argument. In 0.1 it was called `--variant`."""

    def add(command: Command) -> Command:
        @functools.wraps(command)
        def with_key(
            *args: Any, variant_key: str | None, variant: str | None, **kwargs: Any
        ) -> Any:
            return command(*args, variant_key=variant_key or variant, **kwargs)

        for option in (
            click.option("--variant", hidden=True, deprecated="Use --variant-key."),
            click.option("--variant-key", metavar="KEY", help=help_text),
        ):
            with_key = option(with_key)
        return with_key  # type: ignore[return-value]

    return add


def _secrets() -> Secrets:
    """Return what the running command must not tell."""
    return click.get_current_context().ensure_object(Secrets)


class _ShownFormatter(logging.Formatter):
    def __init__(self, line: str, clock: str, secrets: Secrets) -> None:
        super().__init__(line, datefmt=clock)
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        return printable(self._secrets.removed(super().format(record)))


def log_to_stderr(*, quiet: bool, speaker: str = "", only: Collection[str] | None = None) -> None:
    """Log to standard error.

    quiet: problems only.
    speaker: a name for this process, if several share a terminal.
    only: beside problems, show what these loggers say; None for all of them.
    """
    line = f"%(asctime)s {speaker} %(message)s" if speaker else "%(asctime)s %(message)s"
    handler = logging.StreamHandler(sys.stderr)
    if only is not None:
        handler.addFilter(lambda record: record.levelno >= logging.WARNING or record.name in only)
    log_with(handler, line=line, clock="%H:%M:%S", quiet=quiet)


def log_with(handler: logging.Handler, *, line: str, clock: str, quiet: bool) -> None:
    """Log with a handler, without secrets and escape sequences; the only place that configures logging.

    line, clock: the form of a line and of its time.
    """
    handler.setFormatter(_ShownFormatter(line, clock, _secrets()))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING if quiet else logging.INFO)
    logging.getLogger("rq").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    # A traceback for a connection that cannot be put back as it was; the next use says what is wrong with the database.
    logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)


def open_ledger(settings: Settings, limits: Limits | None = None) -> Ledger:
    """Open the ledger of the settings (imported here, because SQLAlchemy takes longer than most commands).

    limits: a command's own if None.
    """
    from db.ledger import Ledger

    refuse_absent_drive(settings)
    url = settings.database_url
    return Ledger.open(url, limits) if limits else Ledger.open(url)


def existing_ledger(settings: Settings) -> AbstractContextManager[Ledger | None]:
    """Open the ledger of the settings if it exists, and never create it: a refused command leaves nothing behind."""
    from db.ledger import Ledger

    refuse_absent_drive(settings)
    return Ledger.open_existing(settings.database_url) or contextlib.nullcontext()
