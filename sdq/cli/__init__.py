"""The command line: reads options and settings, calls one function, prints the result.

Commands import their libraries when called, so that `sdq --help` stays instant. Data goes to standard output, progress
and messages to standard error. Every error of ours becomes its message and exit code; `SDQ_DEBUG=1` shows tracebacks.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import traceback
from typing import NoReturn

import click

from sdq import refuse_strangers
from sdq.cli.group import LazyGroup
from sdq_core.errors import EXIT_FAILURE, EXIT_IO_ERROR, EXIT_SIGINT, SdqError
from sdq_core.printable import printable

_COMMANDS = {
    "submit": "Queue images from prompt files and return.",
    "worker": "Draw queued images until stopped.",
    "run": "Submit, draw and show progress in one command.",
    "status": "Show batches and their progress.",
    "sheet": "Make a contact sheet of a batch.",
    "retry": "Queue a batch's failed images again.",
    "cancel": "Cancel a batch.",
    "pause": "Pause a batch or a variant.",
    "resume": "Resume a paused or cancelled batch, or a paused variant.",
    "verify": "Compare ledger, files and queues, and repair them.",
    "prune": "Remove batches, their images, and leftover files.",
    "bench": "Find the fastest variant for this machine.",
    "models": "List, download and remove models.",
    "doctor": "Check this installation and draw test images.",
    "services": "Show, start or stop the embedded Redis.",
}


@click.group(
    cls=LazyGroup,
    commands_help=_COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="\b\nGet started:\n  sdq run --prompt 'a red balloon over the sea at sunset' --seed-range 0-3",
)
@click.version_option(package_name="sdq", prog_name="sdq")
def cli() -> None:
    """Draw large numbers of Stable Diffusion images unattended."""


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    try:
        refuse_strangers()
        result = cli.main(prog_name="sdq", standalone_mode=False)
    except click.ClickException as error:
        said = io.StringIO()
        error.show(said)
        _say(said.getvalue())
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(EXIT_SIGINT)
    except SdqError as error:
        if os.environ.get("SDQ_DEBUG") == "1":
            traceback.print_exc()
        _say(f"sdq: {error}")
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader of a pipe has seen enough (`sdq ls | head`): no message, and none from the interpreter's flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_FAILURE)
    except Exception as error:
        if isinstance(error, OSError) and _is_of_output(error):
            _say(f"sdq: the output cannot be written ({error.strerror}). Nothing is lost.")
            sys.exit(EXIT_IO_ERROR)
        # A bug of ours: one line for the user, the traceback for whoever fixes it.
        if os.environ.get("SDQ_DEBUG") == "1":
            traceback.print_exc()
        _say(
            f"sdq: unexpected {type(error).__name__}: {error}. This is a bug in sdq: run again "
            "with SDQ_DEBUG=1 and report the output. Nothing that was queued is lost."
        )
        sys.exit(EXIT_FAILURE)
    sys.exit(result if isinstance(result, int) else 0)


def _say(message: str) -> None:
    """Write to standard error; if that cannot be written, the exit code has to do."""
    with contextlib.suppress(OSError):
        click.echo(printable(message.rstrip("\n")), err=True)


def _is_of_output(error: OSError) -> bool:
    """Whether an error is that of a full disk, or the like, behind standard output or error."""
    return any(
        frame.f_code is click.echo.__code__ for frame, _ in traceback.walk_tb(error.__traceback__)
    )
