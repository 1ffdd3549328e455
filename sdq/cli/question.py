"""Asking before something is removed."""

from __future__ import annotations

import sys

import click

from sdq_core.errors import UsageError


def confirm(question: str, *, option: str) -> bool:
    """Ask a question and return whether the answer is yes.

    option: what answers it beforehand, such as ``--yes``. Raise UsageError where nobody would see the question or could
    answer it: in a script, a pipe or a service.
    """
    if sys.stdin is None or not sys.stdin.isatty() or not sys.stderr.isatty():
        raise UsageError(
            f"Cannot ask {question!r} without a terminal. Add {option} to do it without a question."
        )
    try:
        return click.confirm(question, err=True)
    except click.Abort as ended:
        if isinstance(ended.__context__, KeyboardInterrupt):
            raise
        return False  # the end of input, Ctrl-D
