"""A daily command as a line of a crontab (crontab(5))."""

from __future__ import annotations

import shlex

from sdq.services.job import Job
from sdq_core.errors import UsageError

#: cron reads no more of a command (Vixie's cron, which macOS and Debian have).
_MOST_BYTES = 998


def crontab_line(job: Job) -> str:
    """Return the line, without its end; raise UsageError for a job that cron cannot be given."""
    assert job.at is not None
    words = [f"{name}={shlex.quote(value)}" for name, value in job.environment.items()]
    words += [shlex.quote(word) for word in (job.program, *job.words)]
    command = f"cd {shlex.quote(str(job.folder or '/'))} && {' '.join(words)}"
    if "\\" in command:
        raise UsageError(
            "The command has a backslash in it, which not every cron reads alike. Write it without, or leave out "
            "--cron."
        )
    command = command.replace("%", "\\%")  # a bare one would end the command
    if len(command.encode()) > _MOST_BYTES:
        raise UsageError(
            f"The command is longer than the {_MOST_BYTES} bytes that cron reads. Put the prompts into a file, or "
            "leave out --cron."
        )
    return f"{job.at.minute} {job.at.hour} * * * {command}"
