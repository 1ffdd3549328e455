"""Measurements as a table for people and as JSON for programs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from db.values import Benchmark
from producer.planning.speed import is_usable
from sdq.views.part_times import part_lines, parts_as_dicts
from sdq.views.table import table_lines
from sdq.views.words import duration, size
from sdq_core.printable import printable
from sdq_core.values.part_times import PartTime
from sdq_core.values.quality import LEAST_PSNR_DB
from sdq_core.values.variants import Placement

_TITLES = ("variant", "compute unit", "U-Net", "weights", "runtime", "first load", "load", "step", "image", "images/h",
           "memory", "PSNR dB")  # fmt: skip
_TEXTS = 5


def bench_lines(
    measured: Sequence[Benchmark],
    *,
    reference: Benchmark | None,
    left_out: Sequence[str],
    winner: Placement | None,
    parts: Sequence[PartTime] = (),
) -> list[str]:
    """Return a table of one model's measurements, then what failed, what was left out, the winner, and its parts."""
    good = [row for row in measured if row.error is None]
    lines = []
    if good:
        lines = table_lines([_TITLES, *(_cells(row, reference) for row in good)], texts=_TEXTS)
    lines += [
        f"failed: {row.variant.placement.describe()}{_with(row)}: {' '.join((row.error or '').split())}"
        for row in measured
        if row.error is not None
    ]
    if left_out:
        lines.append(f"not measured, as the budget was spent: {', '.join(left_out)}")
    if winner is not None:
        lines.append(
            f"Fastest here with images like the reference's (at least {LEAST_PSNR_DB:g} dB): "
            f"{winner.describe()}. New batches use it unless --variant or --compute-unit is given."
        )
    lines += _faster(measured)
    return [printable(line) for line in lines] + (part_lines(parts) if parts else [])


def _faster(measured: Sequence[Benchmark]) -> list[str]:
    """Name the runtime that would draw faster than the one that does, with images like the reference's."""
    times = [row.image_ms for row in measured if is_usable(row) and row.image_ms is not None]
    rivals = [
        (row.image_ms, row)
        for row in measured
        if row.image_ms is not None and is_usable(replace(row, drawn_with=row.unet == "whole"))
    ]
    if not times or not rivals:
        return []
    image_ms, row = min(rivals, key=lambda rival: rival[0])
    if row.drawn_with or image_ms >= min(times):
        return []
    alike = "equal images" if math.isinf(row.psnr_db or 0) else f"images at {row.psnr_db:.1f} dB"
    return [
        f"{row.runtime} takes {image_ms / min(times):.2f} of the time of what draws here, with {alike}: "
        f'`--runtime {row.runtime}`, or runtime = "{row.runtime}" in sdq.toml.'
    ]


def bench_as_dict(
    model: str,
    measured: Sequence[Benchmark],
    *,
    reference: Benchmark | None,
    left_out: Sequence[str],
    winner: Placement | None,
    parts: Sequence[PartTime] = (),
) -> dict[str, Any]:
    """Return one model's measurements for JSON; psnr_db is null for equal pixels, which have `same_pixels`."""
    return {
        "model": model,
        "reference": _name(reference),
        "winner": None if winner is None else winner.to_dict(),
        "left_out": list(left_out),
        "measured": [_row_as_dict(row) for row in measured],
        "parts": parts_as_dicts(parts),
    }


def _name(row: Benchmark | None) -> dict[str, str] | None:
    if row is None:
        return None
    return {**row.variant.placement.to_dict(), "unet": row.unet}


def _row_as_dict(row: Benchmark) -> dict[str, Any]:
    same = row.psnr_db is not None and math.isinf(row.psnr_db)
    return {
        **(_name(row) or {}),
        "revision": row.variant.revision,
        "precision": row.precision,
        "pipeline": row.pipeline,
        "runtime": row.runtime,
        "versions": dict(row.versions),
        "first_load_ms": row.first_load_ms,
        "warm_load_ms": row.warm_load_ms,
        "step_ms": row.step_ms,
        "image_ms": row.image_ms,
        "images_per_hour": row.images_per_hour,
        "peak_bytes": row.peak_bytes,
        "psnr_db": None if same else row.psnr_db,
        "same_pixels": same,
        "usable": is_usable(row),
        "error": row.error,
    }


def _with(row: Benchmark) -> str:
    return f" with {row.runtime}" if row.runtime else ""


def _cells(row: Benchmark, reference: Benchmark | None) -> tuple[str, ...]:
    rate = row.images_per_hour
    return (
        str(row.variant.attention_implementation),
        str(row.variant.compute_unit),
        row.unet,
        row.precision or "",
        row.runtime or "",
        _time(row.first_load_ms),
        _time(row.warm_load_ms),
        _time(row.step_ms),
        _time(row.image_ms),
        "" if rate is None else f"{rate:,.0f}",
        "" if row.peak_bytes is None else size(row.peak_bytes),
        _likeness(row, reference),
    )


def _likeness(row: Benchmark, reference: Benchmark | None) -> str:
    if row is reference:
        return "reference"
    if row.psnr_db is None:
        return ""
    return "same" if math.isinf(row.psnr_db) else f"{row.psnr_db:.1f}"


def _time(ms: float | None) -> str:
    if ms is None:
        return ""
    return f"{ms:.1f} ms" if ms < 1000 else duration(ms / 1000)
