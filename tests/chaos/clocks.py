"""Wall clocks that differ and jump, by libfaketime in front of a process's own; the monotonic clock stays true."""

from __future__ import annotations

import importlib.util
import random
import sys
from pathlib import Path

#: Seconds by which a clock is off: a drift, a wrong time zone, a dead battery, and right for once.
OFFSETS_S = (-3600, -120, -30, 0, 45, 600, 3600)

_SHARED_MEMORY = Path("/dev/shm")


class Clock:
    """A wall clock that is off by some seconds, for the processes that are started with its environment.

    They follow a jump within a second.
    """

    def __init__(self, file: Path, library: Path, *, offset_s: int) -> None:
        self.offset_s = offset_s
        self._file = file
        self._library = library
        self._write()

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to have this clock; it passes it on to its children."""
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_CACHE_DURATION": "1",
            "NO_FAKE_STAT": "1",  # a file's times are its file system's
        }

    def jump(self, dice: random.Random) -> None:
        """Be off by something else from now on."""
        self.offset_s = dice.choice([offset for offset in OFFSETS_S if offset != self.offset_s])
        self._write()

    def _write(self) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(f"{self.offset_s:+d}\n")
        new.replace(self._file)  # nobody reads half a number


def clock_library() -> Path | None:
    """Find the library that the libfaketime wheel carries; None where there is none that runs here."""
    found = importlib.util.find_spec("libfaketime")
    if sys.platform != "linux" or found is None or found.origin is None:
        return None
    library = Path(found.origin).parent / "vendor/libfaketime/src/libfaketime.so.1"
    return library if library.exists() else None


def sweep_shared_memory() -> None:
    """Remove what libfaketime leaves of processes that were killed: two small objects each, named by process id."""
    for entry in _SHARED_MEMORY.glob("*faketime_s*_*"):
        pid = entry.name.rpartition("_")[2]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            entry.unlink(missing_ok=True)
