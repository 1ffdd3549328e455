"""What the parts of a model take on each compute unit, as a table for people and as JSON for programs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from sdq.views.table import table_lines
from sdq.views.words import milliseconds
from sdq_core.printable import printable
from sdq_core.values.part_times import PartTime
from sdq_core.values.part_units import Part
from sdq_core.values.quality import LEAST_PSNR_DB

_TITLES = ("part", "compute unit", "time", "PSNR dB")

#: Of the usual unit's time: a smaller gain is noise.
_WORTH = 0.1


def part_lines(times: Sequence[PartTime]) -> list[str]:
    """Return a table, what failed, and the options that make drawing faster."""
    good = [time for time in times if time.error is None]
    lines = table_lines([_TITLES, *map(_cells, good)], texts=2)
    lines += [
        f"failed: {time.part.spoken} on {time.unit}: {' '.join((time.error or '').split())}"
        for time in times
        if time.error is not None
    ]
    if better := faster_parts(times):
        options = " ".join(f"--part-unit {time.part}={time.unit}" for time in better)
        saved = (f"{milliseconds(_saved_ms(time, times))} {_per(time.part)}" for time in better)
        lines.append(
            f"Faster here: {options} saves {' and '.join(saved)}. Or set [units] in sdq.toml."
        )
    return [printable(line) for line in lines]


def parts_as_dicts(times: Sequence[PartTime]) -> list[dict[str, Any]]:
    """Return the times for JSON; psnr_db is null for equal pixels, which have `same_pixels`."""
    better = faster_parts(times)
    return [
        {
            "part": str(time.part),
            "compute_unit": str(time.unit),
            "usual": time.usual,
            "ms": time.ms,
            "psnr_db": None if _is_same(time) else time.psnr_db,
            "same_pixels": _is_same(time),
            "faster": time in better,
            "error": time.error,
        }
        for time in times
    ]


def faster_parts(times: Sequence[PartTime]) -> list[PartTime]:
    """Return the fastest unit of each part that is faster on another than on its usual one, with the same pictures."""
    found = []
    for part in dict.fromkeys(time.part for time in times):
        usual = next(time for time in times if time.part is part and time.usual)
        others = [
            time
            for time in times
            if time.part is part and time.ms is not None and (time.psnr_db or 0) >= LEAST_PSNR_DB
        ]
        fastest = min(others, key=lambda time: time.ms or 0, default=usual)
        if _saved_ms(fastest, times) > _WORTH * (usual.ms or 0):
            found.append(fastest)
    return found


def _saved_ms(time: PartTime, times: Sequence[PartTime]) -> float:
    usual = next(other for other in times if other.part is time.part and other.usual)
    return (usual.ms or 0) - (time.ms or 0)


def _cells(time: PartTime) -> tuple[str, ...]:
    likeness = "same" if _is_same(time) else f"{time.psnr_db or 0:.1f}"
    return (
        time.part.spoken,
        str(time.unit),
        f"{milliseconds(time.ms or 0)} {_per(time.part)}",
        "usual" if time.usual else likeness,
    )


def _per(part: Part) -> str:
    return "a prompt" if part is Part.TEXT_ENCODER else "an image"


def _is_same(time: PartTime) -> bool:
    return time.psnr_db is not None and math.isinf(time.psnr_db)
