"""Which measured placement is fastest, among those whose pictures are sound."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from db.values import Benchmark
from sdq_core.values.variants import Placement

#: What is faster by less than this is noise: the usual placement stays.
SAME_SPEED = 0.05

#: Below it a picture is another picture (dB): what float16 and other arithmetic changes stays far above.
LEAST_PSNR_DB = 25.0


def is_usable(row: Benchmark) -> bool:
    """Say whether a placement may be chosen: measured wholly, with pictures that are like the reference's."""
    return (
        row.drawn_with
        and row.error is None
        and row.image_ms is not None
        and row.psnr_db is not None
        and row.psnr_db >= LEAST_PSNR_DB
    )


def fastest(measured: Iterable[Benchmark], usual: Placement) -> Benchmark | None:
    """Return the usable row that draws an image of the usual number of steps soonest, None when none is usable.

    usual: what is drawn with when nothing is known; it wins where it is as fast (`SAME_SPEED`).
    """
    times = [
        (row.usual_image_ms, row)
        for row in measured
        if is_usable(row) and row.usual_image_ms is not None
    ]
    if not times:
        return None
    shortest_ms, winner = min(times, key=lambda time: time[0])
    for image_ms, row in times:
        if row.variant.placement == usual and image_ms * (1 - SAME_SPEED) <= shortest_ms:
            return row
    return winner


def fastest_for_all(measured: Iterable[Benchmark]) -> Placement | None:
    """Return the placement with which several machines, together, draw most images an hour.

    measured: oldest first; of each machine and placement the newest row counts.
    """
    newest = {(row.machine.host, row.variant.placement): row for row in measured}
    hourly: dict[Placement, float] = defaultdict(float)
    for (_, placement), row in newest.items():
        if is_usable(row) and row.usual_image_ms:
            hourly[placement] += 3_600_000 / row.usual_image_ms
    return max(hourly, key=lambda placement: hourly[placement]) if hourly else None
