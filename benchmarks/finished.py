"""A million finished images: does what looks at all of them take time in proportion, and memory for a page?

Whole processes over a ledger and files as workers leave them: each image has its row, and its file is a hard link to
one small PNG. Both sizes have as many seeds for each prompt, and are measured in one run, in data folders of their own.
The first row is what the file system takes by itself: a list of each folder, and a `stat` of each file.

python -m benchmarks.finished [--images 100000,1000000] [--seeds 100] [--folder /dev/shm] [--only "verify --quick"]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import deque
from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from PIL import Image
from sqlalchemy import insert, update

from benchmarks.bench import PROGRAM
from benchmarks.cost import Cost, cost
from benchmarks.millions import show_growth
from db.column_types import now_utc
from db.connection import Database
from db.engines import register_engine
from db.ledger import Ledger
from db.tables import batches, images, slices
from db.values import ImageStatus
from sdq import Queue
from sdq_core.images.path import image_path
from sdq_core.images.root import OutputRoot
from sdq_core.queue.server import RedisServer
from sdq_core.values.seeds import parse_seeds
from tests.ledger.plans import ENGINE, plan

BATCH = "many"
_AT_ONCE = 20_000


def fill(home: Path, count: int, seeds: int) -> None:
    """Make a ledger of so many finished images, and their files."""
    url = f"sqlite:///{home / 'sdq.db'}"
    prompts = [
        f"a detailed picture of number {i}, a house by the sea" for i in range(count // seeds)
    ]
    with Ledger.open(url) as ledger:
        ledger.submissions.add(plan(prompts, range(seeds), name=BATCH))
        root = OutputRoot(home / "outputs", home=home, ledger_id=ledger.id)
        root.store(b"x", "first")
    first = home / "outputs" / "first.png"
    Image.radial_gradient("L").resize((64, 64)).save(first)
    database = Database(url)
    with database.writing() as connection:
        engine_id = register_engine(connection, ENGINE)
        found = connection.execute(slices.select().order_by(slices.c.id)).all()
        rows = _rows(found, home / "outputs", first, engine_id)
        while some := list(islice(rows, _AT_ONCE)):
            connection.execute(insert(images), some)
        now = now_utc()
        connection.execute(update(slices).values(finished_at=now, done=slices.c.size))
        connection.execute(
            update(batches).values(
                open_slices=0, images_done=count, started_at=now, completed_at=now
            )
        )
    database.close()
    first.unlink()
    (home / "outputs" / "first").unlink()


def _rows(found: Any, outputs: Path, first: Path, engine_id: int) -> Iterator[dict[str, Any]]:
    size_bytes, now = first.stat().st_size, now_utc()
    folder = None
    for slice_ in found:
        for seed in parse_seeds(slice_.seeds):
            path = image_path(BATCH, slice_.entry, seed, ".png")
            file = outputs / path
            if file.parent != folder:
                folder = file.parent
                folder.mkdir(parents=True, exist_ok=True)
            os.link(first, file)
            yield {
                "recipe_id": slice_.recipe_id, "seed": seed, "status": str(ImageStatus.DONE), "attempts": 1,
                "slice_id": slice_.id, "engine_id": engine_id, "finished_at": now, "path": path,
                "size_bytes": size_bytes, "sha256": "ab" * 32, "pixels_sha256": "cd" * 32, "truncated_tokens": 0,
                "nsfw_flagged": False, "concept_scores": {"concept_00": -0.5}, "queue_wait_ms": 1.0,
                "text_encode_ms": 2.0, "denoise_ms": 100.0, "num_unet_calls": 20, "decode_ms": 3.0, "safety_ms": 0.5,
                "encode_ms": 1.0, "save_ms": 1.0,
            }  # fmt: skip


def costs(count: int, seeds: int, folder: Path, only: Collection[str]) -> dict[str, Cost]:
    """Give what each command costs with so many finished images. only: those; all if empty."""
    found: dict[str, Cost] = {}
    with tempfile.TemporaryDirectory(prefix="sdq-finished-", dir=folder) as name:
        home = Path(name)
        RedisServer(home / "redis").ensure_running()
        try:
            began = time.perf_counter()
            fill(home, count, seeds)
            print(f"{count:,}: filled in {time.perf_counter() - began:.0f} s", file=sys.stderr)
            program = str(PROGRAM)
            this = (sys.executable, "-m", "benchmarks.finished")
            for what, command in (
                ("the files alone", (*this, "--stat")),
                ("verify --quick", (program, "verify", "--quick")),
                ("batch.images() in Python", (*this, "--iterate")),
                ("sheet", (program, "sheet", BATCH, str(home / "sheet.png"))),
                ("ls", (program, "ls")),
                ("status", (program, "status", BATCH)),
                ("report", (program, "report", BATCH)),
                ("prune --dry-run", (program, "prune", BATCH, "--dry-run")),
                ("prune", (program, "prune", BATCH, "--yes")),
            ):
                if only and what not in only:
                    continue
                found[what] = cost(home, *command)
                spent = found[what]
                print(
                    f"{count:,}: {what}, {spent.seconds:.2f} s, {spent.processor_s:.2f} s busy",
                    file=sys.stderr,
                )
        finally:
            RedisServer(home / "redis").stop()
    return found


def stat_all(outputs: Path) -> None:
    """Ask the file system about each file, as barely as Python can."""
    for folder in (outputs / BATCH).iterdir():
        with os.scandir(folder) as files:
            for file in files:
                file.stat()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", default="100000,1000000")
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--folder", type=Path, default=Path("/dev/shm"))
    parser.add_argument("--only", default="", help="rows of the table, with commas between")
    parser.add_argument("--stat", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--iterate", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stat or options.iterate:
        with Queue() as queue:
            if options.stat:
                stat_all(queue.outputs)
            else:
                deque(queue.batch(BATCH).images(), maxlen=0)
        return
    few, many = (int(number) for number in options.images.split(","))
    only = [name.strip() for name in options.only.split(",") if name]
    small, large = (costs(count, options.seeds, options.folder, only) for count in (few, many))
    show_growth(
        f"finished: {few:,} and {many:,} finished images, {options.seeds} seeds for each prompt",
        few, many, small, large,
    )  # fmt: skip


if __name__ == "__main__":
    main()
