"""How much memory this process has needed."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

#: Linux: `ru_maxrss` outlives exec and begins with that of the process that started this one; this does not.
_LINUX_STATUS = Path("/proc/self/status")


def peak_resident_bytes() -> int:
    """Give the most bytes that were resident at once since the process began."""
    try:
        for line in _LINUX_STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
