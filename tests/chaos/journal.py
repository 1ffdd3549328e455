"""What the workers' logs say, with the time at which the storm read it: a worker's own clock may be wrong."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path

_DRAWN = re.compile(r"\d\d:\d\d:\d\d (?P<batch>\S+)/(?P<entry>\d+) seed (?P<seed>\d+)")
# With the name of the worker that died, host-pid-token; older versions do not tell it.
_TOOK_OVER = re.compile(
    r"\d\d:\d\d:\d\d Took over \d+ slice\(s\) (?:of \S+-(?P<pid>\d+)-\w+|from a worker)"
)
_UNIT_FAILED = re.compile(r"\d\d:\d\d:\d\d The [\w -]+ of \S+ failed on \w+: ")


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """An image that a worker drew to the end. at: seconds of the storm's monotonic clock; berth: whose log."""

    at: float
    berth: int
    batch: str
    entry: int
    seed: int


@dataclass(frozen=True, kw_only=True)
class TookOver:
    """Slices of a dead worker that another has taken up. pid: of the dead one, None if the log does not tell."""

    at: float
    berth: int
    pid: int | None


@dataclass(frozen=True, kw_only=True)
class UnitFailed:
    """A compute unit that failed, and with it the engine and the image in hand."""

    at: float
    berth: int


class Journal:
    """Follows the logs; `read` has to be called often, for its times are those of the calls."""

    def __init__(self, logs: Path) -> None:
        self.drawn: list[Drawn] = []
        self.took_over: list[TookOver] = []
        self.units_failed: list[UnitFailed] = []
        self._logs = logs
        self._positions: dict[Path, int] = {}

    def read(self) -> None:
        """Note what was written since the last call."""
        for log in self._logs.glob("worker-*.log"):
            position = self._positions.get(log, 0)
            if log.stat().st_size == position:
                continue
            with log.open("rb") as file:
                file.seek(position)
                new = file.read()
            whole = new[: new.rfind(b"\n") + 1]  # the rest of a line comes next time
            self._positions[log] = position + len(whole)
            for line in whole.decode(errors="replace").splitlines():
                self._note(line, int(log.stem.removeprefix("worker-")))

    def _note(self, line: str, berth: int) -> None:
        at = time.monotonic()
        if found := _DRAWN.fullmatch(line):
            drawn = Drawn(
                at=at, berth=berth, batch=found["batch"],
                entry=int(found["entry"]), seed=int(found["seed"]),
            )  # fmt: skip
            self.drawn.append(drawn)
        elif found := _TOOK_OVER.match(line):
            pid = found["pid"]
            self.took_over.append(TookOver(at=at, berth=berth, pid=int(pid) if pid else None))
        elif _UNIT_FAILED.match(line):
            self.units_failed.append(UnitFailed(at=at, berth=berth))
