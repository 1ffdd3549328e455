"""A worker's log file, where no terminal and no journal take its messages. It is rotated, so that it fills no disk."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from logging.handlers import RotatingFileHandler
from pathlib import Path

import click

from sdq.cli.options import log_to_stderr, log_with
from sdq_core.errors import OutputError, SdqError
from sdq_core.values.variants import Placement

log = logging.getLogger(__name__)

#: A million images leave some 100 MB of messages; the last days are enough.
MOST_BYTES = 5_000_000
FORMER = 4


class _RotatedFile(RotatingFileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (its name in logging)
        """Pass over what cannot be written: a full disk ends no work, and the next message tries again."""


def begin_log(file: str | None, *, lane: Placement | None, quiet: bool) -> Path | None:
    """Log to a file, or to standard error without one; return the file, which is a lane's own.

    Raise OutputError if it cannot be written.
    """
    if file is None:
        log_to_stderr(quiet=quiet, speaker=str(lane or ""))
        return None
    path = _of_lane(Path(file), lane)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = _RotatedFile(
            path,
            maxBytes=MOST_BYTES,
            backupCount=FORMER,
            encoding="utf-8",
            errors="backslashreplace",
        )
    except OSError as error:
        raise OutputError(f"The log file {path} cannot be written ({error.strerror}).") from error
    log_with(handler, line="%(asctime)s %(message)s", clock="%Y-%m-%d %H:%M:%S", quiet=quiet)
    return path


def _of_lane(file: Path, lane: Placement | None) -> Path:
    """Return a lane's own file: two processes cannot rotate one."""
    if lane is None:
        return file
    return file.with_name(f"{file.stem}-{str(lane).replace(':', '-')}{file.suffix}")


@contextlib.contextmanager
def logging_the_end(file: Path | None) -> Iterator[None]:
    """Log the error that ends a command instead of saying it on standard error, if there is a log file."""
    try:
        yield
    except SdqError as error:
        if file is None:
            raise
        log.error("%s", error)  # noqa: TRY400 (a sentence, without the traceback)
        raise click.exceptions.Exit(error.exit_code) from error
