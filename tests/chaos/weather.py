"""How a storm is: how long, over what, and which troubles come how often."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.chaos.bounds import Bounds

_LONGEST_SLEEP_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Weather:
    """Times in seconds.

    hosts: how many computers, each with a data folder of its own; more than one share a Redis, a PostgreSQL and the
    outputs. postgres: keep the ledger of a single host in PostgreSQL too. every_s: the mean time between troubles;
    longest_s: how long a lasting one lasts at most. calm_every_s: how often a calm phase comes; calm_for_s: how long
    it is. units: whether parts of the model fail on compute units, other ones after each update of the system.
    pictures: whether images are drawn from pictures, which vanish or are changed. web: whether somebody reads the
    pages. kills: after how many the storm may end early, None to use all its time.
    """

    seconds: float
    seed: int
    hosts: int = 1
    postgres: bool = False
    workers: int = 3
    every_s: float = 2.5
    longest_s: float = 12.0
    calm_every_s: float = 90.0
    calm_for_s: float = 25.0
    backlog: int = 150
    disk_mib: int = 512
    units: bool = False
    web: bool = False
    pictures: bool = False
    kills: int | None = None
    drain_s: float = 300.0
    bounds: Bounds = field(default_factory=Bounds)

    @property
    def longest_sleep_s(self) -> float:
        """How long a worker, or everything, is suspended at most: a minute in a long storm."""
        return min(_LONGEST_SLEEP_S, 5 * self.longest_s)
