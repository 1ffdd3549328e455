"""Runs the programs that control services, and turns what they refuse into a sentence."""

from __future__ import annotations

import os
import shlex
import subprocess

from sdq_core.errors import ConfigurationError, TryAgainError


def asked(*command: str, timeout_s: float = 30) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, in English; raise ConfigurationError or TryAgainError if it cannot or does not end."""
    try:
        return subprocess.run(
            command,
            env={**os.environ, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            timeout=timeout_s, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise TryAgainError(
            f"`{shlex.join(command)}` has not ended after {timeout_s:.0f} s. Try again."
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{command[0]} cannot be run ({error.strerror}).") from None


def must(*command: str, timeout_s: float = 30) -> str:
    """Run a program that has to succeed; return what it printed, or raise ConfigurationError with what it said."""
    result = asked(*command, timeout_s=timeout_s)
    if result.returncode:
        said = first_line(result.stderr or result.stdout) or f"exit code {result.returncode}"
        raise ConfigurationError(f"`{shlex.join(command)}` failed: {said}")
    return result.stdout


def first_line(said: str) -> str:
    """Return the first line of a message, as a sentence."""
    line = said.strip().partition("\n")[0].strip()
    return line if not line or line.endswith((".", ":")) else f"{line}."
