"""Submitting a million images (10,000 prompts x 100 seeds), and looking at them, as whole processes.

python -m benchmarks.submit [--prompts 10000] [--seeds 100]
"""

from __future__ import annotations

import argparse
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import redis

from benchmarks.bench import data_folder, sdq, show
from db.dispatch import reconcile
from db.ledger import Ledger
from sdq_core.queue.queues import Queues
from sdq_core.queue.server import RedisServer
from sdq_core.values.seeds import parse_seeds


def used_memory(home: Path) -> int:
    """Give the embedded Redis's memory, bytes."""
    with redis.Redis.from_url(RedisServer(home / "redis").url) as client:
        return int(client.info("memory")["used_memory"])


def python(program: str) -> float:
    """Give the seconds of a Python that runs one line."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], check=True)
    return time.perf_counter() - started


def finish_everything(home: Path) -> None:
    """Write the rows that drawing all of it would have left."""
    now = time.time_ns() // 1_000_000
    with sqlite3.connect(home / "sdq.db") as ledger:
        engine = ledger.execute(
            "INSERT INTO engines (worker, host, pid, pipeline, runtime, compute_unit, precision, os, chip, load_ms, "
            "started_at) VALUES ('w', 'h', 1, 'builtin', 'onnx', 'ALL', 'float16', 'o', 'c', 1, 1)"
        ).lastrowid

        def rows() -> Iterator[tuple[object, ...]]:
            found = ledger.execute("SELECT id, recipe_id, entry, seeds FROM slices").fetchall()
            for slice_id, recipe_id, entry, seeds in found:
                for seed in parse_seeds(seeds):
                    path = f"many/{entry:05d}/{seed}.png"
                    yield recipe_id, seed, slice_id, engine, now, path, bytes(32), bytes(32)

        ledger.executemany(
            "INSERT INTO images (recipe_id, seed, status, attempts, slice_id, engine_id, finished_at, path, "
            "size_bytes, sha256, pixels_sha256, num_unet_calls, denoise_ms) "
            "VALUES (?, ?, 'done', 1, ?, ?, ?, ?, 20000, ?, ?, 20, 200000)",
            rows(),
        )
        ledger.execute("UPDATE slices SET done = size, finished_at = ?", (now,))
        ledger.execute(
            "UPDATE batches SET open_slices = 0, images_done = images_total, started_at = ?, completed_at = ?",
            (now, now),
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=10_000)
    parser.add_argument("--seeds", type=int, default=100)
    options = parser.parse_args()
    with data_folder() as home:
        file = home / "many.txt"
        file.write_text(
            "".join(
                f"a detailed picture of number {i}, a house by the sea at sunset, clear weather\n"
                for i in range(options.prompts)
            )
        )
        seeds = f"0-{options.seeds - 1}"
        RedisServer(home / "redis").ensure_running()
        before = used_memory(home)
        first = sdq(home, "submit", str(file), "--seed-range", seeds)
        memory = used_memory(home) - before
        ledger_bytes = sum(path.stat().st_size for path in home.glob("sdq.db*"))
        again = sdq(home, "submit", str(file), "--seed-range", seeds)
        helped = median(sdq(home, "--help") for _ in range(5))
        with (
            Ledger.open(f"sqlite:///{home / 'sdq.db'}") as ledger,
            redis.Redis.from_url(RedisServer(home / "redis").url) as client,
        ):
            started = time.perf_counter()
            reconcile(ledger, Queues(client, ledger.id))
            reconciled = time.perf_counter() - started
        finish_everything(home)
        status = median(sdq(home, "status") for _ in range(9))
        as_json = median(sdq(home, "status", "--json") for _ in range(9))
        imported = median(python("import sqlalchemy") for _ in range(9))
    show(
        f"submit: {options.prompts:,} prompts x {options.seeds} seeds",
        ("", "figure"),
        [
            ("submit, whole process", f"{first:.2f} s"),
            ("Redis memory", f"{memory / 1e6:.1f} MB"),
            ("ledger file", f"{ledger_bytes / 1e6:.1f} MB"),
            ("the same again, nothing new", f"{again:.2f} s"),
            ("status / --json, all finished", f"{status:.2f} s / {as_json:.2f} s"),
            ("importing SQLAlchemy alone", f"{imported:.2f} s"),
            ("reconcile, all queued", f"{reconciled:.2f} s"),
            ("sdq --help", f"{helped:.3f} s"),
        ],
    )


if __name__ == "__main__":
    main()
