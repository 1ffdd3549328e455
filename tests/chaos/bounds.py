"""How soon work has to go on after a worker was killed, generous enough for a busy machine of two cores."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """Seconds from a worker's death until its slice is taken up.

    same_host: by a worker of its own host, which sees the dead one's lock file. other_host: by one that only notices
    its silence. calm_settles: what a calm phase may need until nothing is in hand that a trouble has touched.
    """

    same_host_median_s: float = 5.0
    same_host_worst_s: float = 15.0
    other_host_median_s: float = 30.0
    calm_settles_s: float = 8.0
