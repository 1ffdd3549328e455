"""How much memory a process takes, and has had resident at most."""

from __future__ import annotations

import ctypes
import resource
import sys
from pathlib import Path

#: Linux only: `ru_maxrss` survives exec, so it starts at the value of the parent process; this file's value does not.
_LINUX_STATUS = Path("/proc/self/status")

#: macOS's `proc_pid_rusage`: newer systems add fields behind the older ones. The offsets are those of `rusage_info_v6`.
_RUSAGE_WITH_NEURAL, _RUSAGE_FIRST = 6, 0
_FOOTPRINT_AT, _NEURAL_AT = 72, 368
_RUSAGE_BYTES = 512


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


def memory_bytes(pid: int) -> int | None:
    """Return the memory that a process takes, bytes; None if it has ended or the system does not say.

    What several processes share, such as the weights that engines map from one file, counts once in their sum. What
    the system has compressed or swapped out counts, too.
    """
    return _mac_bytes(pid) if sys.platform == "darwin" else _linux_bytes(pid)


def _linux_bytes(pid: int) -> int | None:
    folder = Path(f"/proc/{pid}")
    try:
        kibibytes = {
            name: int(rest.split()[0])
            for name, _, rest in (
                line.partition(":")
                for line in (folder / "smaps_rollup").read_text().splitlines()[1:]
            )
        }
        return (kibibytes["Pss"] + kibibytes.get("SwapPss", 0)) * 1024
    except (OSError, KeyError, ValueError, IndexError):
        pass  # a kernel without it
    try:
        return int((folder / "statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:
        return None


def _mac_bytes(pid: int) -> int | None:
    """Return the footprint: unlike the resident size it has what the process holds for the GPU."""
    buffer = ctypes.create_string_buffer(_RUSAGE_BYTES)
    try:
        ask = ctypes.CDLL("/usr/lib/libproc.dylib").proc_pid_rusage
    except (OSError, AttributeError):
        return None
    for flavour in (_RUSAGE_WITH_NEURAL, _RUSAGE_FIRST):
        if ask(pid, flavour, buffer) == 0:
            return _of_rusage(buffer.raw)
    return None


def _of_rusage(raw: bytes) -> int:
    """Add what the Neural Engine keeps for a process, which its footprint lacks, to the footprint."""
    return sum(
        int.from_bytes(raw[at : at + 8], sys.byteorder) for at in (_FOOTPRINT_AT, _NEURAL_AT)
    )
