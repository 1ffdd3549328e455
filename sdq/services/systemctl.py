"""systemd's units of this user: where their files are, and `systemctl --user`, which loads them."""

from __future__ import annotations

import shutil
from pathlib import Path

from sdq.services.asking import asked, first_line, must
from sdq.services.job import SCHEDULE, STOP_S, Job, Scheduled, State
from sdq.services.systemd import main_unit, read_scheduled, unit_name, units

_SYSTEMCTL = ("systemctl", "--user")
#: Stopping waits for the image in hand.
_PATIENCE_S = STOP_S + 30


class Systemd:
    """The user's own systemd, as far as there is one."""

    def __init__(self, folder: Path) -> None:
        """folder: for the user's units."""
        self._folder = folder

    @property
    def log_file(self) -> Path | None:
        """Where the worker is to log: nowhere, its standard error goes to the journal."""
        return None

    def note(self, name: str) -> str:
        """Return where a job's messages are, and when it runs."""
        unit = unit_name(name, "service")
        return (
            f"`journalctl --user -u {unit}` shows its messages. Runs while you are logged in; after "
            "`loginctl enable-linger`, always."
        )

    def obstacle(self) -> str | None:
        """Return why nothing can be installed, as a clause; None if it can."""
        if shutil.which(_SYSTEMCTL[0]) is None:
            return "there is no systemctl"
        answer = asked(*_SYSTEMCTL, "show-environment")
        return first_line(answer.stderr).rstrip(".:") if answer.returncode else None

    def files(self, job: Job) -> dict[Path, bytes]:
        """Return a job's files."""
        return {self._folder / name: text.encode() for name, text in units(job).items()}

    def paths(self, name: str) -> list[Path]:
        """Return where a job's files are."""
        return [self._folder / unit_name(name, kind) for kind in ("service", "timer")]

    def scheduled(self) -> list[Scheduled]:
        """Return the daily commands that are installed."""
        files = sorted(self._folder.glob(unit_name(f"{SCHEDULE}*", "timer")))
        texts = (file.read_text(encoding="utf-8", errors="replace") for file in files)
        return [found for text in texts if (found := read_scheduled(text))]

    def state(self, name: str) -> State:
        """Look at a job."""
        shown = must(
            *_SYSTEMCTL, "show", main_unit(name),
            "--property=ActiveState,UnitFileState,MainPID,ExecMainStatus,ExecMainExitTimestampMonotonic",
        )  # fmt: skip
        facts = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
        alive = facts.get("ActiveState") in {"active", "activating", "reloading"}
        has_ended = facts.get("ExecMainExitTimestampMonotonic", "0") != "0"
        return State(
            loaded=alive and facts.get("UnitFileState") == "enabled",
            pid=int(facts.get("MainPID", 0)) or None,
            exit_code=int(facts.get("ExecMainStatus", 0)) if has_ended else None,
        )

    def start(self, job: Job) -> None:
        """Load a job's files, in place of those that were loaded before."""
        unit = main_unit(job.name)
        must(*_SYSTEMCTL, "daemon-reload")
        if job.at is not None:
            self._forget_last_run(unit)
        must(*_SYSTEMCTL, "enable", unit)
        must(*_SYSTEMCTL, "restart", unit, timeout_s=_PATIENCE_S)

    def stop(self, name: str) -> None:
        """Stop a job, wait until its process has saved its image, and start it no more."""
        unit = main_unit(name)
        must(*_SYSTEMCTL, "disable", "--now", unit, timeout_s=_PATIENCE_S)
        if name.startswith(SCHEDULE):
            self._forget_last_run(unit)

    def reread(self) -> None:
        """Notice that files are gone."""
        must(*_SYSTEMCTL, "daemon-reload")

    def _forget_last_run(self, timer: str) -> None:
        """Keep a timer of an earlier time from making up for what it did not run: it would run now, at noon."""
        asked(*_SYSTEMCTL, "stop", timer)
        asked(*_SYSTEMCTL, "clean", "--what=state", timer)
