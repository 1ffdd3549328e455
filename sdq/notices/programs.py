"""Notices that programs of this machine take: the user's own command, and macOS's notifications."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sdq.notices.undelivered import Undelivered

#: How long the user's command may run, s: it may upload a night's images.
COMMAND_S = 600.0

_NOTIFICATION_S = 10.0

# The texts are arguments: within the script, a quotation mark would end them.
_SCRIPT = (
    "on run argv",
    "display notification (item 2 of argv) with title (item 1 of argv)",
    "end run",
)


def run_command(
    command: str, summary: Mapping[str, Any], folder: Path, *, limit_s: float = COMMAND_S
) -> None:
    """Run a shell command in a folder, with the summary on its standard input; what it prints is dropped.

    Raises Undelivered if it does not end with 0 within the limit, at which it is killed with all that it started.
    """
    try:
        process = subprocess.Popen(
            ["/bin/sh", "-c", command], cwd=folder, stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, process_group=0,
        )  # fmt: skip
    except OSError as error:
        raise Undelivered(f"could not be started ({error.strerror})") from None
    try:
        process.communicate(json.dumps(summary).encode(), timeout=limit_s)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise Undelivered(f"was ended after {limit_s:g} s") from None
    if process.returncode < 0:
        raise Undelivered(f"was ended by {signal.Signals(-process.returncode).name}")
    if process.returncode:
        raise Undelivered(f"ended with exit code {process.returncode}")


def notify_mac(title: str, text: str) -> None:
    """Show a notification of macOS; raise Undelivered if that is refused, as it is without a user's session."""
    try:
        done = subprocess.run(
            notification_command(title, text), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, timeout=_NOTIFICATION_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise Undelivered(f"did not appear within {_NOTIFICATION_S:g} s") from None
    except OSError as error:
        raise Undelivered(f"could not be shown ({error.strerror})") from None
    if done.returncode:
        raise Undelivered(f"was refused (osascript ended with exit code {done.returncode})")


def notification_command(title: str, text: str) -> Sequence[str]:
    """Return the command that shows a notification."""
    lines = [part for line in _SCRIPT for part in ("-e", line)]
    return ["/usr/bin/osascript", *lines, title, text]
