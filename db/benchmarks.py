"""Measurements of variants.

For each variant on each machine the newest measurement counts; older ones are history.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import RowMapping, func, insert, select

from db.connection import Database
from db.tables import benchmarks
from db.values import Benchmark
from sdq_core.values.machine import Machine
from sdq_core.values.variants import AttentionImplementation, ComputeUnit, Variant


class Benchmarks:
    """What `sdq bench` measured. Rows are only ever added, durably, all of a call or none."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, measured: Sequence[Benchmark]) -> None:
        """Store the measurements of a model, in order."""
        with self._database.writing(durable=True) as connection:
            for row in measured:
                connection.execute(insert(benchmarks).values(_values(row)))

    def newest(self, model: str) -> list[Benchmark]:
        """Return the newest measurement of each of a model's variants on each machine, oldest first, with failed ones.

        Leaves out what was measured only for comparison and is not what drawing loads.
        """
        ids = (
            select(func.max(benchmarks.c.id))
            .where(benchmarks.c.model == model, benchmarks.c.drawn_with)
            .group_by(
                benchmarks.c.host,
                benchmarks.c.chip,
                benchmarks.c.os,
                benchmarks.c.revision,
                benchmarks.c.attention_implementation,
                benchmarks.c.compute_unit,
            )
        )
        with self._database.reading() as connection:
            rows = connection.execute(
                select(benchmarks).where(benchmarks.c.id.in_(ids)).order_by(benchmarks.c.id)
            ).mappings()
            return [_benchmark(row) for row in rows]


def _values(row: Benchmark) -> dict[str, object]:
    return {
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
    variant = Variant(
        model=row["model"],
        revision=row["revision"],
        attention_implementation=AttentionImplementation(row["attention_implementation"]),
        compute_unit=ComputeUnit(row["compute_unit"]),
    )
    return Benchmark(
        machine=Machine(host=row["host"], chip=row["chip"], os=row["os"]),
        measured_at=row["measured_at"],
        variant=variant,
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
