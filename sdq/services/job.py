"""What the system is to start: a worker at login, which stays, or a command every day at a time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from pathlib import Path

from sdq_core.errors import UsageError
from sdq_core.printable import quote

#: The name of the job that keeps a worker running, and what the names of daily commands begin with.
WORKER = "worker"
SCHEDULE = "schedule-"

#: How long a stopped job may take to save its image, s; then it is killed, and that image is drawn again.
STOP_S = 120

#: Lines end in service files, and neither XML nor systemd takes control characters, halves of surrogate pairs (bytes of
#: a file name that are no text) and Unicode's noncharacters.
_NONCHARACTERS = "".join(
    chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF)
)
_UNWRITABLE = re.compile(f"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef{_NONCHARACTERS}]")


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to start, and when.

    name: `worker`, or `schedule-` and letters, digits, hyphens and underscores.
    program: by its whole path.
    words: its arguments.
    environment: what the program needs of this environment. The system adds a few variables (HOME, USER, SHELL).
    folder: where it starts, None if that does not matter.
    at: the local time of day, to the minute. None: start at login, and again after a failure.

    Raises UsageError for a text that a service file cannot hold.
    """

    name: str
    program: str
    words: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path | None = None
    at: time | None = None

    def __post_init__(self) -> None:
        for text in (
            self.program,
            *self.words,
            *self.environment.values(),
            str(self.folder or ""),
        ):
            if _UNWRITABLE.search(text):
                raise UsageError(
                    f"{quote(text)} has a line end or another character in it that a service cannot be given. Write it "
                    "without."
                )


@dataclass(frozen=True, kw_only=True)
class State:
    """How a job is doing.

    loaded: whether the system knows it, and will start it or has.
    pid: its process, None if it does not run.
    exit_code: that of its last process, None if there was none.
    """

    loaded: bool
    pid: int | None = None
    exit_code: int | None = None


@dataclass(frozen=True, kw_only=True)
class Scheduled:
    """A daily command that is installed. name: without `schedule-`; at: HH:MM; words: without the program."""

    name: str
    at: str
    words: tuple[str, ...]
