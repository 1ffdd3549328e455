"""Units as systemd reads them: systemd.service(5), systemd.timer(5), and their quoting in systemd.syntax(7)."""

from __future__ import annotations

import json
import re
from contextlib import suppress

from sdq.services.job import SCHEDULE, STOP_S, Job, Scheduled
from sdq_core.errors import (
    EXIT_BAD_INPUT,
    EXIT_CONFIGURATION,
    EXIT_SOME_IMAGES_FAILED,
    EXIT_USAGE,
    UsageError,
)
from sdq_core.printable import quote

_BARE = re.compile(r"[A-Za-z0-9_@+=:,./-]+")
#: systemd passes over keys that begin with X-; this one says what `sdq schedule --list` shows.
_OURS = "X-Sdq="


def unit_name(name: str, kind: str) -> str:
    """Return a unit's name. kind: service or timer."""
    return f"sdq-{name}.{kind}"


def main_unit(name: str) -> str:
    """Return the name of the unit that is enabled: a daily command's timer, else the service."""
    return unit_name(name, "timer" if name.startswith(SCHEDULE) else "service")


def units(job: Job) -> dict[str, str]:
    """Return a job's units by their names; raise UsageError for a program or folder that a unit cannot name."""
    service = "\n".join([*_service(job), ""])
    if job.at is None:
        return {unit_name(job.name, "service"): service}
    timer = "\n".join([*_timer(job), ""])
    return {unit_name(job.name, "service"): service, unit_name(job.name, "timer"): timer}


def quoted(word: str) -> str:
    """Return a word as a unit spells it: one word, of which nothing is expanded."""
    word = word.replace("%", "%%")
    if _BARE.fullmatch(word):
        return word
    return '"{}"'.format(word.replace("\\", "\\\\").replace('"', '\\"'))


def read_scheduled(unit: str) -> Scheduled | None:
    """Read a daily command's timer; None for anything else."""
    with suppress(ValueError, KeyError, TypeError):
        for line in unit.splitlines():
            if line.startswith(_OURS):
                said = json.loads(line.removeprefix(_OURS))
                return Scheduled(name=said["name"], at=said["at"], words=tuple(said["words"]))
    return None


def _service(job: Job) -> list[str]:
    if "$" in job.program:  # in arguments it is doubled; here that would stay two
        raise UsageError(
            f"systemd cannot start {quote(job.program)}, because of the $. Install sdq elsewhere."
        )
    words = [quoted(job.program), *(quoted(word.replace("$", "$$")) for word in job.words)]
    lines = [
        "[Unit]",
        f"Description={_description(job)}",
        *(["StartLimitIntervalSec=0"] if job.at is None else []),
        "",
        "[Service]",
        f"Type={'exec' if job.at is None else 'oneshot'}",
        f"ExecStart={' '.join(words)}",
        *(f"Environment={quoted(f'{name}={value}')}" for name, value in job.environment.items()),
    ]
    if job.folder is not None:
        lines.append(f"WorkingDirectory={_folder(str(job.folder))}")
    lines += [
        "# The embedded Redis serves other commands, too, and ends with none of them.",
        "KillMode=process",
        f"TimeoutStopSec={STOP_S}",
        f"SuccessExitStatus={EXIT_SOME_IMAGES_FAILED}",
    ]
    if job.at is None:
        lines += [
            "Restart=on-failure",
            "RestartSec=10",
            f"RestartPreventExitStatus={EXIT_USAGE} {EXIT_BAD_INPUT} {EXIT_CONFIGURATION}",
            "",
            "[Install]",
            "WantedBy=default.target",
        ]
    return lines


def _timer(job: Job) -> list[str]:
    assert job.at is not None
    name = job.name.removeprefix(SCHEDULE)
    ours = {"name": name, "at": f"{job.at:%H:%M}", "words": job.words}
    return [
        "[Unit]",
        f"Description={_description(job)}",
        f"{_OURS}{json.dumps(ours, ensure_ascii=False)}",
        "",
        "[Timer]",
        f"OnCalendar=*-*-* {job.at:%H:%M}:00",
        "# After a night that the machine slept through, at once.",
        "Persistent=true",
        "",
        "[Install]",
        "WantedBy=timers.target",
    ]


def _description(job: Job) -> str:
    if job.at is None:
        return "sdq worker"
    return f"sdq {job.words[0]} at {job.at:%H:%M} ({job.name.removeprefix(SCHEDULE)})"


def _folder(folder: str) -> str:
    """Return a folder as WorkingDirectory= spells it: as it is, but for %."""
    if folder != folder.strip() or folder.endswith("\\"):
        raise UsageError(
            f"systemd cannot start anything in {quote(folder)}, because of how the name ends. Change to another folder."
        )
    return folder.replace("%", "%%")
