"""Processes with a limit on memory and processor time, and what they used of both."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

#: Address space. A submission of the demo model takes some 250 MiB of it, most of which is never touched.
LIMIT_BYTES = 1 << 30
#: Processor time; far more than anything here takes, so that only what never ends meets it.
LIMIT_CPU_S = 60

_MEASURE = Path(__file__).with_name("measure.py")


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a process ended; peak_bytes and cpu_s are its own alone, without its children's."""

    code: int
    stdout: str
    stderr: str
    peak_bytes: int
    cpu_s: float


def run_bounded(
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str] | None = None,
    stdin: Path | None = None,
    limit_bytes: int = LIMIT_BYTES,
    timeout_s: float = 60,
) -> Ended:
    """Run a command to its end below the limits; one that hangs is killed and its code is negative."""

    with (
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
        tempfile.NamedTemporaryFile() as report,
        (stdin or Path(os.devnull)).open("rb") as given,
    ):
        limits = [str(limit_bytes), str(LIMIT_CPU_S), str(timeout_s)]
        subprocess.run(
            [sys.executable, "-I", "-S", _MEASURE, report.name, *limits, *command],
            stdin=given,
            stdout=out,
            stderr=err,
            env=environment,
            check=True,
        )
        out.seek(0)
        err.seek(0)
        return Ended(
            stdout=out.read().decode(errors="surrogateescape"),
            stderr=err.read().decode(errors="surrogateescape"),
            **json.load(report),
        )
