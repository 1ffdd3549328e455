"""What was measured of variants, and which of them is to be drawn with.

For each machine the newest run of a model that came to something counts, and older ones are history: two runs were
measured with other steps, or beside other programs.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping, func, insert, select

from db.recipe_rows import variant_of
from db.tables import benchmarks
from db.values import LEAST_PSNR_DB, Benchmark
from sdq.machine import Machine

#: What is faster by less than this is not: the one that was measured first, the usual one, is kept.
SAME_SPEED = 0.05


def fastest(measured: Sequence[Benchmark]) -> Benchmark | None:
    """Give the usable one with the shortest image time, None when none is usable.

    measured: of one run, in its order, which begins with what would be drawn with if nothing were known. Of several
    that are as fast as each other (`SAME_SPEED`) the first one is given, so that a little noise changes nothing.
    """
    usable = [(row.image_ms, row) for row in measured if row.usable and row.image_ms is not None]
    if not usable:
        return None
    shortest_ms = min(image_ms for image_ms, _ in usable)
    return next(row for image_ms, row in usable if image_ms * (1 - SAME_SPEED) <= shortest_ms)


def record(connection: Connection, measured: Sequence[Benchmark]) -> None:
    """Store what was measured, in its order."""
    for row in measured:
        connection.execute(insert(benchmarks).values(_values(row)))


def newest(connection: Connection, model: str) -> list[Benchmark]:
    """Give what the newest run of each machine measured of a model, in its order, by machine.

    Runs of which nothing is usable are passed over.
    """
    runs = (
        select(func.max(benchmarks.c.id).label("id"))
        .where(
            benchmarks.c.model == model,
            benchmarks.c.drawn_with,
            benchmarks.c.error.is_(None),
            benchmarks.c.psnr_db >= LEAST_PSNR_DB,
        )
        .group_by(benchmarks.c.host, benchmarks.c.chip, benchmarks.c.os)
        .subquery()
    )
    newest_runs = select(benchmarks.c.run).where(benchmarks.c.id.in_(select(runs.c.id)))
    rows = connection.execute(
        select(benchmarks)
        .where(benchmarks.c.model == model, benchmarks.c.run.in_(newest_runs))
        .order_by(benchmarks.c.id)
    ).mappings()
    return [_benchmark(row) for row in rows]


def _values(row: Benchmark) -> dict[str, object]:
    return {
        "run": row.run,
        "measured_at": row.measured_at,
        "host": row.machine.host,
        "chip": row.machine.chip,
        "os": row.machine.os,
        "model": row.variant.model,
        "revision": row.variant.revision,
        "attention_implementation": str(row.variant.attention_implementation),
        "compute_unit": str(row.variant.compute_unit),
        "unet": row.unet,
        "drawn_with": row.drawn_with,
        "num_inference_steps": row.num_inference_steps,
        "images": row.images,
        "precision": row.precision,
        "pipeline": row.pipeline,
        "runtime": row.runtime,
        "versions": row.versions,
        "first_load_ms": row.first_load_ms,
        "warm_load_ms": row.warm_load_ms,
        "step_ms": row.step_ms,
        "image_ms": row.image_ms,
        "peak_bytes": row.peak_bytes,
        "psnr_db": row.psnr_db,
        "error": row.error,
    }


def _benchmark(row: RowMapping) -> Benchmark:
    return Benchmark(
        run=row["run"],
        machine=Machine(host=row["host"], chip=row["chip"], os=row["os"]),
        measured_at=row["measured_at"],
        variant=variant_of(row),
        unet=row["unet"],
        drawn_with=row["drawn_with"],
        num_inference_steps=row["num_inference_steps"],
        images=row["images"],
        precision=row["precision"],
        pipeline=row["pipeline"],
        runtime=row["runtime"],
        versions=row["versions"],
        first_load_ms=row["first_load_ms"],
        warm_load_ms=row["warm_load_ms"],
        step_ms=row["step_ms"],
        image_ms=row["image_ms"],
        peak_bytes=row["peak_bytes"],
        psnr_db=row["psnr_db"],
        error=row["error"],
    )
