"""What a whole process takes: time, the processor's time, and memory."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

#: A small process between: the system counts the memory of the one that starts a command for the command as well.
_MEASURE = """
import resource, subprocess, sys, time
started = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
seconds, used = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
print(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss)
"""


@dataclass(frozen=True)
class Cost:
    """What one process took. processor_s: of its time, the processor's. peak_bytes: its largest resident memory."""

    seconds: float
    processor_s: float
    peak_bytes: int


def cost(home: Path, *command: str) -> Cost:
    """Run a command to its end."""
    measured = subprocess.run(
        [sys.executable, "-I", "-c", _MEASURE, *command],
        env=os.environ | {"SDQ_HOME": str(home)},
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    seconds, processor_s, peak = measured.stdout.split()
    unit = 1 if sys.platform == "darwin" else 1024
    return Cost(float(seconds), float(processor_s), int(peak) * unit)
