"""This machine: what explains a difference between two images, or two measurements, of the same recipe."""

from __future__ import annotations

import hashlib
import os
import platform
import socket
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A machine as measurements see it: they hold for its chip and system build, whatever its name.

    host: its name.
    chip: the processor's name.
    os: the system with its build.
    """

    host: str
    chip: str
    os: str

    def is_like(self, other: Machine) -> bool:
        """Say whether a measurement of the other holds here."""
        return (self.chip, self.os) == (other.chip, other.os)


def this_machine() -> Machine:
    """Return the machine that this runs on."""
    return Machine(host=socket.gethostname(), chip=chip(), os=operating_system())


@lru_cache
def operating_system() -> str:
    """Return the system's name with its build: Core ML's results change with macOS builds."""
    if sys.platform == "darwin":
        build = _ask("sw_vers", "-buildVersion")
        return f"macOS {platform.mac_ver()[0]} ({build or 'unknown build'})"
    return f"{platform.system()} {platform.release()}"


@lru_cache
def chip() -> str:
    """Return the processor's name: `Apple M2 Pro`, or what Linux calls it."""
    if sys.platform == "darwin":
        return _ask("sysctl", "-n", "machdep.cpu.brand_string") or platform.processor()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.machine()


def memory_bytes() -> int:
    """Return the machine's memory, bytes."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


@lru_cache
def boot() -> str:
    """Return an id of the running kernel that changes at every boot; empty if the system has none."""
    if sys.platform == "darwin":
        return _ask("sysctl", "-n", "kern.bootsessionuuid")
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


@lru_cache
def instruction_set() -> str:
    """Return a digest of the processor's features: virtual machines hide some of them behind the same chip name."""
    if sys.platform == "darwin":
        flags = _ask("sysctl", "hw.optional")
    else:
        try:
            lines = Path("/proc/cpuinfo").read_text().splitlines()
        except OSError:
            lines = []
        flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return hashlib.sha256(f"{platform.machine()} {flags}".encode()).hexdigest()[:16]


def _ask(*command: str) -> str:
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip()
