"""Agents as launchd reads them: property lists (launchd.plist(5))."""

from __future__ import annotations

import plistlib
from contextlib import suppress
from pathlib import Path
from typing import Any

from sdq.services.job import SCHEDULE, STOP_S, Job, Scheduled

#: At most one start in so many seconds. launchd tells no exit code from another, so a worker that cannot work (its
#: drive is not connected yet, `sdq.toml` has a mistake) is started again and again; this is how often.
_THROTTLE_S = 60


def label(name: str) -> str:
    """Return a job's name for launchd."""
    return f"sdq.{name}"


def plist(job: Job, logs: Path) -> bytes:
    """Return a job's property list.

    logs: the folder for what is written to its standard output and error, such as the traceback of a crash.
    """
    said = str(logs / f"{job.name}.err.log")
    document: dict[str, Any] = {
        "Label": label(job.name),
        "ProgramArguments": [job.program, *job.words],
        "EnvironmentVariables": dict(job.environment),
        "ProcessType": "Interactive",  # any other is slowed down
        "ExitTimeOut": STOP_S,
        "StandardErrorPath": said,
    }
    if job.folder is not None:
        document["WorkingDirectory"] = str(job.folder)
    if job.at is None:
        document["RunAtLoad"] = True
        document["KeepAlive"] = {"SuccessfulExit": False}
        document["ThrottleInterval"] = _THROTTLE_S
    else:
        document["StartCalendarInterval"] = {"Hour": job.at.hour, "Minute": job.at.minute}
        document["StandardOutPath"] = said
    return plistlib.dumps(document, sort_keys=False)


def read_scheduled(data: bytes) -> Scheduled | None:
    """Read a daily command's property list; None for anything else."""
    with suppress(plistlib.InvalidFileException, ValueError, KeyError, TypeError, AttributeError):
        document = plistlib.loads(data)
        name = document["Label"].removeprefix(label(SCHEDULE))
        at = document["StartCalendarInterval"]
        words = document["ProgramArguments"][1:]
        return Scheduled(name=name, at=f"{at['Hour']:02}:{at['Minute']:02}", words=tuple(words))
    return None
