"""A systemd of the tests' own: a user's instance, whose units and runtime folder are in a temporary folder."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

_SYSTEMD = Path("/lib/systemd/systemd")
_CGROUPS = Path("/sys/fs/cgroup")
#: systemd starts only where /run says that the system was booted with it. It takes the cgroup in which it starts for
#: its own and moves every process in it, so it must have one for itself; without, it is not started.
_START = """
set -e
for hierarchy in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified /sys/fs/cgroup; do
    if [ -e $hierarchy/cgroup.procs ]; then
        mkdir $hierarchy/{cgroup}
        echo $$ > $hierarchy/{cgroup}/cgroup.procs
    fi
done
grep -E '(name=systemd|^0:):' /proc/self/cgroup > {runtime}/cgroups
test -s {runtime}/cgroups
if grep -qv '/{cgroup}$' {runtime}/cgroups; then exit 1; fi
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system
exec {systemd} --user
"""


@dataclass(frozen=True)
class OwnSystemd:
    home: Path
    runtime: Path

    @property
    def environment(self) -> dict[str, str]:
        return {
            "HOME": str(self.home),
            "XDG_RUNTIME_DIR": str(self.runtime),
            "XDG_CONFIG_HOME": str(self.home / "config"),
        }

    def ask(self, *arguments: str) -> str:
        return subprocess.run(
            ["systemctl", "--user", *arguments],
            env=os.environ | self.environment, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip

    def wait_for(self, unit: str, name: str, value: str) -> None:
        deadline = time.monotonic() + 30
        while (found := self.ask("show", unit, f"--property={name}", "--value").strip()) != value:
            assert time.monotonic() < deadline, (unit, name, found)
            time.sleep(0.05)


@contextlib.contextmanager
def own_systemd() -> Iterator[OwnSystemd]:
    """Start it; skip the test where that is not asked for or not allowed, and where a real one could be meant instead.

    It makes control groups on this machine, which a test run does not do unasked.
    """
    if os.environ.get("SDQ_TEST_SYSTEMD") != "1":
        pytest.skip("SDQ_TEST_SYSTEMD=1 lets a systemd of its own be started")
    if os.geteuid() != 0 or not _SYSTEMD.exists() or shutil.which("unshare") is None:
        pytest.skip("a systemd of its own needs root, unshare and systemd")
    with tempfile.TemporaryDirectory(prefix="sdq-systemd-") as name:  # sockets need a short path
        own = OwnSystemd(home=Path(name, "home"), runtime=Path(name, "run"))
        own.home.mkdir()
        own.runtime.mkdir()
        cgroup = Path(name).name
        start = _START.format(systemd=_SYSTEMD, cgroup=cgroup, runtime=own.runtime)
        process = subprocess.Popen(
            ["unshare", "--mount", "--fork", "--kill-child", "sh", "-c", start],
            env={"PATH": os.environ["PATH"], **own.environment},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            deadline = time.monotonic() + 30
            while not (own.runtime / "systemd" / "private").exists():
                if process.poll() is not None or time.monotonic() > deadline:
                    pytest.skip("no systemd of its own can be started here")
                time.sleep(0.02)
            yield own
        finally:
            if process.poll() is None:
                subprocess.run(
                    ["systemctl", "--user", "exit"], env=os.environ | own.environment,
                    capture_output=True, timeout=30, check=False,
                )  # fmt: skip
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=30)
            process.kill()
            process.wait()
            _remove_cgroups(cgroup)


def _remove_cgroups(name: str) -> None:
    for hierarchy in (_CGROUPS, *_CGROUPS.iterdir()):
        inner = sorted((hierarchy / name).rglob("*/"), reverse=True)
        for folder in (*inner, hierarchy / name):
            if folder.is_dir():
                with contextlib.suppress(OSError):  # one of its processes is still ending
                    folder.rmdir()
