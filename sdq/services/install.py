"""Installs and removes jobs. Doing it twice is doing it once, and what fails leaves everything as it was."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from sdq.services.job import Job, Scheduled, State
from sdq_core.errors import OutputError, SdqError


class Manager(Protocol):
    """What starts jobs on this system: `sdq.services.launchctl` and `sdq.services.systemctl`."""

    @property
    def log_file(self) -> Path | None:
        """Where the worker is to log; None for its standard error."""

    def note(self, name: str) -> str:
        """Return where a job's messages are, and when it runs."""

    def obstacle(self) -> str | None:
        """Return why nothing can be installed, as a clause; None if it can."""

    def files(self, job: Job) -> dict[Path, bytes]:
        """Return a job's files."""

    def paths(self, name: str) -> list[Path]:
        """Return where a job's files are."""

    def scheduled(self) -> list[Scheduled]:
        """Return the daily commands that are installed."""

    def state(self, name: str) -> State:
        """Look at a job."""

    def start(self, job: Job) -> None:
        """Load a job's files, in place of those that were loaded before."""

    def stop(self, name: str) -> None:
        """Unload a job and wait until its process has saved its image."""

    def reread(self) -> None:
        """Notice that files are gone."""


class Change(StrEnum):
    """What installing changed."""

    NOTHING = "unchanged"
    STARTED = "started"  # it was installed like this, and not loaded
    REPLACED = "replaced"
    INSTALLED = "installed"


def install(manager: Manager, job: Job) -> Change:
    """Install a job in place of the one of its name, and load it; raise OutputError or what the system refuses."""
    files = manager.files(job)
    before = {path: _content(path) for path in manager.paths(job.name)}
    loaded = manager.state(job.name).loaded
    if {path: content for path, content in before.items() if content is not None} == files:
        if loaded:
            return Change.NOTHING
        manager.start(job)
        return Change.STARTED
    was_installed = any(content is not None for content in before.values())
    try:
        _write(files)
        manager.start(job)
    except SdqError:
        if not was_installed:
            with contextlib.suppress(SdqError):
                manager.stop(job.name)
        with contextlib.suppress(SdqError):
            _write(before)
            manager.reread()
            if loaded:
                manager.start(job)
        raise
    return Change.REPLACED if was_installed else Change.INSTALLED


def uninstall(manager: Manager, name: str) -> bool:
    """Stop a job and remove its files; say whether there was anything of it."""
    paths = manager.paths(name)
    if not any(path.exists() for path in paths) and not manager.state(name).loaded:
        return False
    manager.stop(name)
    _write(dict.fromkeys(paths))
    manager.reread()
    return True


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OutputError(f"{path} cannot be read ({error.strerror}). Remove it.") from error


def _write(files: Mapping[Path, bytes | None]) -> None:
    """Write each file in one step, readable for everybody, as systemd asks; remove those that are None."""
    for path, content in files.items():
        try:
            if content is None:
                path.unlink(missing_ok=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f".{path.name}.tmp")
            temporary.write_bytes(content)
            temporary.chmod(0o644)
            temporary.replace(path)
        except OSError as error:
            raise OutputError(f"{path} cannot be written ({error.strerror}).") from error
