"""Exporting lists of 100,000 and of 1,000,000 finished images: rows a second, and does memory stay flat?

The rows are as a worker writes them, with the scores of Stable Diffusion's 17 concepts; there are no files, which lists
do not read. Each export is a whole process. Expected of ten times the images: at most 12 times the time, memory within
20 %, and at least 50,000 rows a second of processor time as JSON Lines.

    python -m benchmarks.export [--images 100000,1000000] [--seeds 100] [--only jsonl]
"""

from __future__ import annotations

import argparse
import random
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select, update

from benchmarks.bench import PROGRAM, data_folder, show
from benchmarks.cost import Cost, cost
from db.bulk import insert_rows
from db.ledger import Ledger
from db.tables import batches, images, slices
from sdq_core.values.seeds import parse_seeds
from tests.ledger.plans import ENGINE, plan

_COLUMNS = tuple(column for column in images.c if column.name not in {"id", "error"})
_CONCEPTS = 17
_AT_ONCE = 1000
LISTS = (
    ("jsonl", ()),
    ("csv", ()),
    ("jsonl", ("--where", "seed < 1000 and not nsfw_flagged")),
)


def fill(home: Path, count: int, seeds: int) -> None:
    """Make a ledger with so many finished images."""
    with Ledger.open(f"sqlite:///{home / 'sdq.db'}") as ledger:
        prompts = [
            f"a detailed picture of number {number}, a house by the sea at sunset, clear weather"
            for number in range(count // seeds)
        ]
        ledger.submissions.add(plan(prompts, range(seeds), name="many"))
        engine_id = ledger.work.register_engine(ENGINE)
        after = 0
        while after is not None:
            with ledger._database.writing() as connection:
                page = connection.execute(
                    select(slices).where(slices.c.id > after).order_by(slices.c.id).limit(_AT_ONCE)
                ).all()
                rows = [
                    _row(slice_.recipe_id, seed, slice_.id, engine_id)
                    for slice_ in page
                    for seed in parse_seeds(slice_.seeds)
                ]
                insert_rows(connection, _COLUMNS, rows)
                after = page[-1].id if page else None
        with ledger._database.writing() as connection:
            now = datetime.now(UTC)
            connection.execute(update(slices).values(finished_at=now, done=slices.c.size))
            connection.execute(
                update(batches).values(
                    open_slices=0, images_done=batches.c.images_total, completed_at=now
                )
            )


_CHANCE = random.Random(0)
_BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


def _row(recipe_id: int, seed: int, slice_id: int, engine_id: int) -> tuple[object, ...]:
    number = recipe_id * 1000 + seed
    values: dict[str, object] = {
        "recipe_id": recipe_id,
        "seed": seed,
        "status": "done",
        "attempts": 1,
        "slice_id": slice_id,
        "engine_id": engine_id,
        "finished_at": _BEGIN + timedelta(milliseconds=417 * number),
        "path": f"many/{recipe_id:05d}/{recipe_id:05d}-{seed}.png",
        "size_bytes": 400_000 + number % 10_000,
        "sha256": _CHANCE.randbytes(32).hex(),
        "pixels_sha256": _CHANCE.randbytes(32).hex(),
        "truncated_tokens": 0,
        "nsfw_flagged": False,
        "concept_scores": {
            f"concept_{concept:02d}": -_CHANCE.random() for concept in range(_CONCEPTS)
        },
        "num_unet_calls": 20,
    }
    return tuple(
        values.get(column.name, _CHANCE.random() * 1000 if column.name.endswith("_ms") else None)
        for column in _COLUMNS
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", default="100000,1000000")
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--only", help="jsonl or csv")
    options = parser.parse_args()
    counts = [int(number) for number in options.images.split(",")]
    found: dict[tuple[str, int], Cost] = {}
    for count in counts:
        with data_folder() as home:
            fill(home, count, options.seeds)
            for name, more in LISTS:
                if options.only and (more or name != options.only):
                    continue
                out = home / f"list.{name}"
                command = (str(PROGRAM), "export", "many", str(out), *more)
                found[" ".join((name, *more)), count] = cost(home, *command)
                print(f"{count:,}: {name} {' '.join(more)}", file=sys.stderr)
                out.unlink()
    rows = []
    for whole in dict.fromkeys(name for name, _ in found):
        least, most = found[whole, counts[0]], found[whole, counts[-1]]
        rows.append((
            whole,
            *(f"{found[whole, count].seconds:.1f} s" for count in counts),
            *(f"{found[whole, count].processor_s:.1f} s" for count in counts),
            f"{most.processor_s / least.processor_s:.1f}x",
            f"{counts[-1] / most.processor_s:,.0f}/s",
            *(f"{found[whole, count].peak_bytes / 1e6:.0f} MB" for count in counts),
            f"{most.peak_bytes / least.peak_bytes:.2f}x",
        ))  # fmt: skip
    show(
        f"export: {' and '.join(f'{count:,}' for count in counts)} images, {options.seeds} seeds for each prompt",
        (
            "",
            *("time" for _ in counts),
            *("processor" for _ in counts),
            "ratio",
            "rows",
            *("memory" for _ in counts),
            "ratio",
        ),
        rows,
    )


if __name__ == "__main__":
    main()
