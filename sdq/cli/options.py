"""Options that several commands share."""

from __future__ import annotations

import functools
import logging
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from sdq_core.printable import printable
from sdq_core.settings import Settings, read_settings

Command = TypeVar("Command", bound=Callable[..., Any])


def settings_options(command: Command) -> Command:
    """Add the options that say where things are; the command gets a `settings` argument."""

    @functools.wraps(command)
    def with_settings(
        *args: Any,
        home: str | None,
        redis_url: str | None,
        database_url: str | None,
        outputs: str | None,
        **kwargs: Any,
    ) -> Any:
        settings = read_settings(
            options={
                "home": home,
                "redis_url": redis_url,
                "database_url": database_url,
                "outputs": outputs,
            }
        )
        return command(*args, settings=settings, **kwargs)

    for option in (
        click.option(
            "--outputs", metavar="DIR", help="Where images go [SDQ_OUTPUTS; HOME/outputs]."
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


def submission_options(command: Command) -> Command:
    """Add all that says what to draw; see `sdq.cli.submission`."""
    for option in reversed(
        (
            click.argument("files", nargs=-1, metavar="[FILE|-]..."),
            click.option("--prompt", "prompts", multiple=True, metavar="TEXT", help="A prompt; may be repeated."),
            click.option("--negative-prompt", metavar="TEXT", help="What not to draw."),
            click.option("-s", "--seed", "--seed-range", "seeds", metavar="SEEDS",
                         help="7, 0-99, 0-99(+10), 0-100[5] or 1,5,9-12 [0]."),
            click.option("--random-seeds", type=click.IntRange(1, 100_000), metavar="N",
                         help="N seeds drawn now for each prompt, and recorded."),
            click.option("--num-inference-steps", "--steps", type=int, metavar="N", help="[20]"),
            click.option("--guidance-scale", "--cfg-scale", type=float, metavar="X", help="[7.5]"),
            click.option("--scheduler", metavar="NAME",
                         help="DDIM, DPMSolverMultistep, EulerAncestralDiscrete, EulerDiscrete, LMSDiscrete or PNDM "
                              "[DPMSolverMultistep]."),
            click.option("--model", metavar="NAME|DIR", help="[demo]"),
            click.option("--variant", metavar="NAMES",
                         help="original, split_einsum, split_einsum_v2; several with commas: each. auto: the fastest "
                              "that `sdq bench` measured, else original [auto]. any: whichever a worker has."),
            click.option("--compute-unit", metavar="UNIT",
                         help="ALL, CPU_AND_GPU, CPU_AND_NE or CPU_ONLY. auto: the fastest measured, else ALL [auto]."),
            click.option("--batch", metavar="NAME", help="The batch's name; one that exists grows [the file's name]."),
            click.option("--format", "prompt_format", type=click.Choice(["txt", "csv", "tsv", "jsonl"]),
                         help="How the files are written [by their ending]."),
            click.option("--literal", is_flag=True, help="Take --options in a txt file as part of the prompt."),
        )
    ):  # fmt: skip
        command = option(command)
    return command


def safety_option(command: Command) -> Command:
    """Add what becomes of the pictures that the safety checker flags; see `sdq_core.values.safety`."""
    return click.option(
        "--safety",
        type=click.Choice(["off", "flag", "blur", "black"]),
        default="flag",
        show_default=True,
        help="What becomes of pictures that the model's safety checker flags: recorded with their scores and left as "
        "they are (flag), or also hidden in their files (blur, black). off does not run it.",
    )(command)


def variant_key_option(help_text: str) -> Callable[[Command], Command]:
    """Add `--variant-key`; the command gets a `variant_key` argument. 0.1 called it `--variant`, and printed that."""

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


class _PrintableFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


def log_to_stderr(*, quiet: bool, speaker: str = "") -> None:
    """Show the program's messages; the only place that configures logging.

    speaker: who says them, where several processes share a terminal.
    """
    handler = logging.StreamHandler(sys.stderr)
    line = f"%(asctime)s {speaker} %(message)s" if speaker else "%(asctime)s %(message)s"
    handler.setFormatter(_PrintableFormatter(line, datefmt="%H:%M:%S"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING if quiet else logging.INFO)
    logging.getLogger("rq").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)


def open_ledger(settings: Settings) -> Any:
    """Open the settings' ledger (imported here, because SQLAlchemy takes longer than most commands)."""
    from db.ledger import Ledger

    return Ledger.open(settings.database_url)
