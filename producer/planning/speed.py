"""Which measured placement is fastest, among those whose images are right."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from db.values import Benchmark
from sdq_core.values.quality import LEAST_PSNR_DB
from sdq_core.values.variants import Placement

#: A smaller lead than this is noise: the usual placement stays.
SAME_SPEED = 0.05


def is_usable(row: Benchmark) -> bool:
    """Say whether a placement may be chosen: completely measured, with images like the reference's."""
    return (
        row.drawn_with
        and row.error is None
        and row.image_ms is not None
        and row.psnr_db is not None
        and row.psnr_db >= LEAST_PSNR_DB
    )


def fastest(measured: Iterable[Benchmark], usual: Placement) -> Benchmark | None:
    """Return the usable row that draws an image of the usual number of steps fastest, None if none is usable.

    usual: the choice without measurements; it wins if it is as fast (`SAME_SPEED`).
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
    """Return the placement with which several machines together draw most images per hour.

    measured: oldest first; the newest row of each machine and placement counts.
    """
    newest = {(row.machine.host, row.variant.placement): row for row in measured}
    hourly: dict[Placement, float] = defaultdict(float)
    for (_, placement), row in newest.items():
        if is_usable(row) and row.usual_image_ms:
            hourly[placement] += 3_600_000 / row.usual_image_ms
    return max(hourly, key=lambda placement: hourly[placement]) if hourly else None
