"""Processes with a limit on memory and processor time, and what they used of both."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

#: Address space. A submission of the demo model takes some 250 MiB of it, most of which is never touched.
LIMIT_BYTES = 1 << 30
#: Processor time; far more than anything here takes, so that only what never ends meets it.
LIMIT_CPU_S = 60


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

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, limit_bytes))
        resource.setrlimit(resource.RLIMIT_CPU, (LIMIT_CPU_S, LIMIT_CPU_S))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    with (
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
        (stdin or Path(os.devnull)).open("rb") as given,
    ):
        process = subprocess.Popen(
            command,
            stdin=given,
            stdout=out,
            stderr=err,
            env=environment,
            preexec_fn=limit,  # noqa: PLW1509
        )
        deadline = time.monotonic() + timeout_s
        # wait4 alone tells what this one child used; rusage of all children would hide it behind the largest.
        while (ended := os.wait4(process.pid, os.WNOHANG))[0] == 0:
            if time.monotonic() > deadline:
                process.kill()
            time.sleep(0.01)
        _, status, usage = ended
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        return Ended(
            code=process.returncode,
            stdout=out.read().decode(errors="surrogateescape"),
            stderr=err.read().decode(errors="surrogateescape"),
            peak_bytes=usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
            cpu_s=usage.ru_utime + usage.ru_stime,
        )
