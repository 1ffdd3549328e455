"""The command line: reads options and settings, calls one function, prints the result.

Commands import their libraries when called, so that `sdq --help` stays instant. Data goes to standard output, progress
and messages to standard error. Every error of ours becomes its message and exit code; `SDQ_DEBUG=1` shows tracebacks.
"""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn

import click

from sdq import refuse_strangers
from sdq.cli.group import LazyGroup
from sdq.cli.streams import exit_code, settle_streams
from sdq.cli.utf8 import read_names_as_utf8
from sdq_core.errors import (
    EXIT_CONFIGURATION,
    EXIT_FAILURE,
    EXIT_SIGINT,
    SdqError,
    describe_error,
)
from sdq_core.printable import printable, quote
from sdq_core.privacy import Secrets
from sdq_core.processes import settle_process

_COMMANDS = {
    "submit": "Queue images from prompt files and return.",
    "worker": "Draw queued images until stopped.",
    "run": "Submit, draw and show progress in one command.",
    "status": "Show batches and their progress.",
    "ls": "List batches, or a batch's images.",
    "show": "Show all that is known of a batch or an image.",
    "logs": "Show what happened to a batch.",
    "open": "Open a batch's folder.",
    "web": "Show the queue and its pictures in a browser.",
    "report": "Report on a batch or a night.",
    "metrics": "Print counts and times for monitoring.",
    "sheet": "Make a contact sheet of batches.",
    "compare": "Compare images that were drawn in two ways.",
    "inspect": "Measure pictures, and find those that look alike.",
    "export": "Export images as a data set or a list.",
    "rerun": "Draw images again from their recorded settings.",
    "retry": "Queue a batch's failed images again.",
    "move": "Draw a batch earlier or later.",
    "cancel": "Cancel a batch.",
    "pause": "Pause a batch or a variant.",
    "resume": "Resume a paused or cancelled batch, or a paused variant.",
    "verify": "Compare ledger, files and queues, and repair them.",
    "prune": "Remove batches, their images, and leftover files.",
    "bench": "Find the fastest variant for this machine.",
    "models": "List, download and remove models.",
    "doctor": "Check this installation and draw test images.",
    "redis": "Show, start or stop the embedded Redis.",
    "service": "Have the system start a worker and keep it running.",
    "schedule": "Have the system run a command every day.",
    "completion": "Print a script that completes sdq's commands in a shell.",
}


@click.group(
    cls=LazyGroup,
    commands_help=_COMMANDS,
    former_names={"services": "redis"},  # until 0.1; `service` is another
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="\b\nGet started:\n  sdq run --prompt 'a red balloon over the sea at sunset' --seed-range 0-3",
)
@click.version_option(package_name="sdq", prog_name="sdq")
def cli() -> None:
    """Draw large numbers of Stable Diffusion images unattended."""


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    settle_process()
    read_names_as_utf8()
    settle_streams()
    secrets = Secrets.around(os.environ, sys.argv[1:])

    def say(message: str) -> None:
        click.echo(printable(secrets.removed(message).rstrip("\n")), err=True)

    code, sentence = exit_code(_run(secrets, say))
    if sentence:
        say(f"sdq: {sentence}")
    sys.exit(code)


def _run(secrets: Secrets, say: Callable[[str], None]) -> int:
    """Run the command line; return its exit code, with what went wrong said on standard error."""
    try:
        refuse_strangers()
        result = cli.main(prog_name="sdq", standalone_mode=False, obj=secrets)
    except click.ClickException as error:
        if isinstance(error, click.NoSuchOption):
            from sdq.cli.unknown_option import explained

            error = explained(error, sys.argv[1:])
        said = io.StringIO()
        error.show(said)
        say(said.getvalue())
        return error.exit_code
    except KeyboardInterrupt:
        return EXIT_SIGINT
    except SdqError as error:
        say(f"{_traceback()}sdq: {error}")
        return error.exit_code
    except Exception as error:
        return _say_unexpected(error, say)
    return result if isinstance(result, int) else 0


def _say_unexpected(error: Exception, say: Callable[[str], None]) -> int:
    """Say what nobody foresaw; return its exit code."""
    cause = error
    if isinstance(error, click.Abort):
        # click calls an EOFError from anywhere by the name of a Ctrl-C.
        if not isinstance(error.__cause__, EOFError):
            return EXIT_SIGINT
        cause = error.__cause__
    if isinstance(cause, UnicodeEncodeError) and cause.encoding != "utf-8":
        say(
            f"sdq: {quote(cause.object)} cannot be written in the {cause.encoding} of this system's locale. "
            "Set PYTHONUTF8=1, or LC_ALL to a locale of UTF-8."
        )
        return EXIT_CONFIGURATION
    # A bug of ours: one line for the user, the traceback for whoever fixes it.
    say(
        f"{_traceback()}sdq: unexpected {describe_error(cause)}. This is a bug in sdq: run again with SDQ_DEBUG=1 "
        "and report the output. Nothing that was queued is lost."
    )
    return EXIT_FAILURE


def _traceback() -> str:
    return traceback.format_exc() if os.environ.get("SDQ_DEBUG") == "1" else ""
