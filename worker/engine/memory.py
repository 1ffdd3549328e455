"""How much memory a process has, and has used at most."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

#: Linux only: `ru_maxrss` survives exec, so it starts at the value of the parent process; this file's value does not.
_LINUX_STATUS = Path("/proc/self/status")


def peak_resident_bytes() -> int:
    """Return the peak resident memory of this process, bytes."""
    try:
        for line in _LINUX_STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def resident_bytes(pid: int) -> int | None:
    """Return the resident memory of a process, bytes; None if it has ended or the system does not say."""
    if sys.platform == "linux":
        try:
            return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()
        except OSError:
            return None
    command = ["/bin/ps", "-o", "rss=", "-p", str(pid)]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    kibibytes = answer.stdout.strip()
    return int(kibibytes) * 1024 if kibibytes.isdecimal() else None
