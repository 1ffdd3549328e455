"""Runs a command below limits and writes what it used as JSON.

    measure.py REPORT LIMIT_BYTES LIMIT_CPU_S TIMEOUT_S COMMAND...

A process of its own because a child's peak begins at the memory of the process that started it, and after some
thousand tests that is more than any command takes.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path


def measure(
    report: str, limit_bytes: int, limit_cpu_s: int, timeout_s: float, command: list[str]
) -> None:
    """Run the command with this process's standard streams; kill it when the time is up."""
    child = os.fork()
    if not child:
        resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, limit_bytes))
        resource.setrlimit(resource.RLIMIT_CPU, (limit_cpu_s, limit_cpu_s))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.execvp(command[0], command)
    deadline = time.monotonic() + timeout_s
    # wait4 tells what this one child used, without its own children's.
    while (ended := os.wait4(child, os.WNOHANG))[0] == 0:
        if time.monotonic() > deadline:
            os.kill(child, 9)
        time.sleep(0.01)
    _, status, usage = ended
    found = {
        "code": os.waitstatus_to_exitcode(status),
        "peak_bytes": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        "cpu_s": usage.ru_utime + usage.ru_stime,
    }
    Path(report).write_text(json.dumps(found))


if __name__ == "__main__":
    measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), sys.argv[5:])
