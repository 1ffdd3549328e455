"""Whether this machine runs on its battery."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

_SUPPLIES = Path("/sys/class/power_supply")


def on_battery() -> bool:
    """Say whether the machine runs on a battery; no if that cannot be found out."""
    if sys.platform == "darwin":
        return says_battery(_pmset())
    return discharges(_SUPPLIES)


def says_battery(batt: str) -> bool:
    """Read what `pmset -g batt` prints: its first line names the source of power."""
    first = batt.partition("\n")[0]
    return "'Battery Power'" in first or "'UPS Power'" in first


def discharges(supplies: Path) -> bool:
    """Read a folder such as /sys/class/power_supply: a battery of the machine discharges, and no mains are connected.

    A mouse's or a keyboard's battery is there, too, and has the scope `Device`.
    """
    batteries = False
    with contextlib.suppress(OSError):
        for supply in supplies.iterdir():
            if _read(supply / "scope") == "Device":
                continue
            if _read(supply / "type") == "Battery":
                batteries |= _read(supply / "status") == "Discharging"
            elif _read(supply / "online") == "1":
                return False
    return batteries


def _pmset() -> str:
    try:
        return subprocess.run(
            ["/usr/bin/pmset", "-g", "batt"],
            capture_output=True, text=True, timeout=5, check=False, stdin=subprocess.DEVNULL,
        ).stdout  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _read(file: Path) -> str:
    try:
        return file.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""
