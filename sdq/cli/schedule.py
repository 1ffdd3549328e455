"""`sdq schedule`: a command of sdq that the system starts every day."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from datetime import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sdq.cli.outcome import Outcome, outcome_options
from sdq.cli.service import print_files
from sdq.services.choice import NAMES, USUAL, manager_here, manager_named
from sdq.services.install import Change, install, uninstall
from sdq.services.job import SCHEDULE, Job, Scheduled
from sdq_core.errors import InputMissingError, UsageError
from sdq_core.printable import printable, quote
from sdq_core.settings import whole_path
from sdq_core.values.dated import undated
from sdq_core.values.hours import time_of_day

if TYPE_CHECKING:
    from sdq.cli.unattended import Unattended

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_NO_NAME = re.compile(r"[^A-Za-z0-9]+")
_INSTEAD = (
    "Leave --install out to see its files, or put the line that --cron prints into a crontab."
)
_EXAMPLE = "`sdq schedule 22:00 -- submit prompts.txt --batch 'nightly-{date}'`"
_SAID = {
    Change.NOTHING: "was installed like this before. Nothing changed.",
    Change.STARTED: "was installed like this before, but not active. It is now.",
    Change.REPLACED: "replaces the former one of this name.",
    Change.INSTALLED: "is installed.",
}


@click.command("schedule", context_settings={"ignore_unknown_options": True})
@click.argument("at", required=False, metavar="[HH:MM")
@click.argument("line", nargs=-1, type=click.UNPROCESSED, metavar="-- COMMAND...]")
@click.option("--install", "installs", is_flag=True, help="Install it, instead of printing it.")
@click.option("--name", metavar="NAME", help="A name for it [from the batch or the prompt file].")
@click.option(
    "--for", "system", type=click.Choice(NAMES), help="Print what this system reads [this one's]."
)
@click.option("--cron", is_flag=True, help="Print a line for a crontab.")
@click.option("--list", "listed", is_flag=True, help="List what is installed.")
@click.option("--remove", "removed", metavar="NAME", help="Remove what is installed.")
@outcome_options
def command(
    at: str | None,
    line: tuple[str, ...],
    installs: bool,
    name: str | None,
    system: str | None,
    cron: bool,
    listed: bool,
    removed: str | None,
    outcome: Outcome,
) -> None:
    """Run a command of sdq every day at a time: launchd starts it on a Mac, a timer of systemd on Linux.

    If the machine is asleep at that time, the command runs when it wakes, except with cron. The command is checked now.
    Its files get absolute paths, and settings from options and SDQ_ variables are saved with it. A password is not: it
    belongs in sdq.toml. Everything after -- is for the command, even -q.

    \b
    Examples:
      sdq schedule 22:00 --install -- submit prompts.txt --batch 'nightly-{date}'
      sdq schedule 06:30 --install -- report --since 22:00 --html report.html
      sdq schedule 22:00 --cron -- run prompts.txt --until 07:00 -q
      sdq schedule --list
      sdq schedule --remove nightly
    """
    one_of = sum((at is not None, listed, removed is not None))
    if one_of != 1 or (at is not None and not line):
        raise UsageError(
            f"Give a time and a command, such as {_EXAMPLE}; or --list; or --remove and a name."
        )
    if installs + cron + (system is not None) > 1:
        raise UsageError("Use one of --install, --for and --cron: only --install changes anything.")
    if listed:
        _list(outcome)
    elif removed is not None:
        _remove(removed, outcome)
    elif at is not None:
        job = _job(_clock(at), line, name)
        if cron:
            from sdq.services.crontab import crontab_line

            text = crontab_line(job)
            outcome.tell(line=text)
            if not outcome.as_json:
                click.echo(text)
        elif installs:
            _install(job, outcome)
        else:
            print_files(manager_named(system or USUAL), job, outcome)


def _install(job: Job, outcome: Outcome) -> None:
    manager = manager_here(_INSTEAD)
    change = install(manager, job)
    name = job.name.removeprefix(SCHEDULE)
    outcome.say(f"{name}: `{_shown(job.words)}` every day at {job.at:%H:%M} {_SAID[change]}")
    if change is not Change.NOTHING:
        outcome.say(manager.note(job.name))
    files = [path for path in manager.paths(job.name) if path.exists()]
    outcome.tell(name=name, change=change, files=files)


def _list(outcome: Outcome) -> None:
    found = manager_here(_INSTEAD).scheduled()
    for one in found:
        outcome.say(printable(f"{one.at}  {one.name}  {_shown(one.words)}"))
    if not found:
        outcome.say("Nothing is scheduled.")
    outcome.tell(scheduled=[{"name": one.name, "at": one.at, "words": one.words} for one in found])


def _remove(name: str, outcome: Outcome) -> None:
    manager = manager_here(_INSTEAD)
    if not _NAME.fullmatch(name) or not uninstall(manager, SCHEDULE + name):
        raise InputMissingError(
            f"Nothing is scheduled as {quote(name)}. There is {_names(manager.scheduled())}."
        )
    outcome.say(f"Removed {name}.")
    outcome.tell(removed=name)


def _job(at: time, line: Sequence[str], name: str | None) -> Job:
    from sdq.cli.unattended import ENDS, program, unattended

    checked = unattended(line)
    if checked.command == "worker" and not any(checked.options[end] for end in ENDS):
        raise UsageError(
            f"At {at:%H:%M} a worker would begin that never ends. Add --burst or --until 07:00; or keep one running "
            f"with `sdq service install --hours {at:%H:%M}-07:00`."
        )
    name = name or _usual_name(checked)
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{quote(name)} cannot be the name: use up to 63 letters, digits, hyphens and underscores."
        )
    return Job(
        name=SCHEDULE + name,
        program=program(),
        words=checked.words,
        environment=checked.environment,
        folder=whole_path("."),
        at=at,
    )


def _clock(text: str) -> time:
    at = time_of_day(text)
    if at is None or at.second:
        raise UsageError(f"{quote(text)} is not a time of day: write 07:00 or 22:30.")
    return at


def _usual_name(line: Unattended) -> str:
    """Return the name of the batch without its date, else of the first prompt file, else of the command."""
    batch, files = line.options.get("batch"), line.options.get("files") or ()
    given = undated(batch) if isinstance(batch, str) else Path(files[0]).stem if files else ""
    return _NO_NAME.sub("-", given).strip("-")[:63].strip("-") or line.command


def _shown(words: Sequence[str]) -> str:
    return shlex.join(["sdq", *words])


def _names(scheduled: Sequence[Scheduled]) -> str:
    return ", ".join(one.name for one in scheduled) or "nothing yet"
