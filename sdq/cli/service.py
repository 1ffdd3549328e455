"""`sdq service`: a worker that the system starts at login and keeps running."""

from __future__ import annotations

import click

from sdq.cli.outcome import Outcome, outcome_options
from sdq.services.choice import NAMES, USUAL, manager_here, manager_named
from sdq.services.install import Change, Manager, install, uninstall
from sdq.services.job import WORKER, Job
from sdq_core.errors import EXIT_OK, EXIT_UNAVAILABLE, UsageError

_INSTEAD = "Have whatever starts programs here start `sdq worker`; `sdq service install --print` shows its environment."
_SAID = {
    Change.NOTHING: "The worker was installed like this before. Nothing changed.",
    Change.STARTED: "The worker was installed like this before, but not running. Started it.",
    Change.REPLACED: "Replaced the worker's service, and started it with the new one.",
    Change.INSTALLED: "Installed the worker and started it.",
}


@click.group("service")
def command() -> None:
    """Have the system start a worker at login and keep it running: launchd on a Mac, systemd on Linux."""


@command.command("install", context_settings={"ignore_unknown_options": True})
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="[WORKER OPTIONS]...")
@click.option("--print", "print_only", is_flag=True, help="Print the files and install nothing.")
@click.option(
    "--for", "system", type=click.Choice(NAMES), help="With --print: for this system [this one's]."
)
@outcome_options
def install_command(
    options: tuple[str, ...], print_only: bool, system: str | None, outcome: Outcome
) -> None:
    """Install a worker with these options of `sdq worker`, or replace the installed one.

    Settings from options and from SDQ_ variables are saved with it. A password is not: it belongs in sdq.toml.
    Everything after -- is for the worker, even -q.

    \b
    Examples:
      sdq service install --hours 22:00-07:00 --on-ac-only
      sdq service install --lanes original:CPU_AND_GPU,split_einsum:CPU_AND_NE -- -q
    """
    if system is not None and not print_only:
        raise UsageError("--for is only for --print: a service is installed where it is to run.")
    manager = manager_named(system or USUAL)
    job = _worker(options, manager)
    if print_only:
        print_files(manager, job, outcome)
        return
    manager = manager_here(_INSTEAD)
    change = install(manager, job)
    outcome.say(_SAID[change])
    if change is not Change.NOTHING:
        outcome.say(manager.note(WORKER))
    outcome.tell(change=change, files=manager.paths(WORKER)[:1], pid=manager.state(WORKER).pid)


@command.command("status")
@outcome_options
def status_command(outcome: Outcome) -> int:
    """Show whether the worker is installed and running; exit code 69 if it is not."""
    manager = manager_here(_INSTEAD)
    file, state = manager.paths(WORKER)[0], manager.state(WORKER)
    installed = file.exists()
    ended = "" if state.exit_code is None else f" It ended last with exit code {state.exit_code}."
    if not installed:
        outcome.say("Not installed. `sdq service install` installs a worker.")
    elif state.pid is not None:
        outcome.say(f"Running, process {state.pid}: {file}")
    elif state.loaded:
        outcome.say(f"Not running now, but will be started again: {file}{ended}")
    else:
        outcome.say(f"Installed, but stopped: {file}{ended} `sdq service install` starts it again.")
    if installed:
        outcome.say(manager.note(WORKER))
    outcome.tell(
        installed=installed,
        file=file,
        loaded=state.loaded,
        pid=state.pid,
        exit_code=state.exit_code,
    )
    return EXIT_UNAVAILABLE if state.pid is None else EXIT_OK


@command.command("uninstall")
@outcome_options
def uninstall_command(outcome: Outcome) -> None:
    """Stop the worker, with its current image saved and the rest left queued, and remove its service."""
    manager = manager_here(_INSTEAD)
    removed = uninstall(manager, WORKER)
    outcome.say("Stopped and removed the worker." if removed else "No worker was installed.")
    outcome.tell(removed=removed)


def print_files(manager: Manager, job: Job, outcome: Outcome) -> None:
    """Print a job's files; several of them each behind its path, as a comment of systemd's."""
    files = {str(path): content.decode() for path, content in manager.files(job).items()}
    if outcome.as_json:
        outcome.tell(files=files)
        return
    heads = [f"# {path}\n" if len(files) > 1 else "" for path in files]
    click.echo(
        "\n".join(head + text for head, text in zip(heads, files.values(), strict=True)), nl=False
    )


def _worker(options: tuple[str, ...], manager: Manager) -> Job:
    from sdq.cli.unattended import ENDS, program, unattended

    line = unattended(("worker", *options))
    for name in ENDS:
        if line.options[name]:
            option = f"--{name.replace('_', '-')}"
            raise UsageError(
                f"{option} would end the worker, and nothing would start it before the next login. Name its --hours, "
                "or see `sdq schedule`."
            )
    words = line.words
    if manager.log_file is not None and "--log-file" not in words:
        words += ("--log-file", str(manager.log_file))
    return Job(name=WORKER, program=program(), words=words, environment=line.environment)
