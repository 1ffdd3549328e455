"""How much memory this process has used at most."""

from __future__ import annotations

import resource
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
