"""Clocks that the storm sets wrong, in a real process."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.chaos.clocks import OFFSETS_S, Clock, clock_library

_TELL = "import time\nwhile input() != 'end': print(time.time(), time.monotonic(), flush=True)"


def test_a_clock_is_off_and_jumps_and_the_monotonic_one_is_not(tmp_path: Path) -> None:
    library = clock_library()
    if library is None:
        pytest.skip("no libfaketime here")
    clock = Clock(tmp_path / "clock", library, offset_s=3600)
    process = subprocess.Popen(
        [sys.executable, "-c", _TELL],
        env=os.environ | clock.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    to, told = process.stdin, process.stdout
    assert to is not None
    assert told is not None

    def offsets() -> tuple[int, int]:
        to.write("\n")
        to.flush()
        wall, monotonic = map(float, told.readline().split())
        return round((wall - time.time()) / 10) * 10, round((monotonic - time.monotonic()) / 10)

    assert offsets() == (3600, 0)
    clock.jump(random.Random(1))
    assert clock.offset_s in OFFSETS_S
    assert clock.offset_s != 3600
    deadline = time.monotonic() + 30
    while (found := offsets()) != (round(clock.offset_s / 10) * 10, 0):
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    process.communicate("end\n")
