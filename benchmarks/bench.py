"""What the benchmarks share: a data folder of their own, the installed program, a table."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from sdq_core.queue.server import RedisServer

PROGRAM = Path(sys.executable).with_name("sdq")

PROMPTS = (
    "a red house on the left in a meadow by day under a clear sky",
    "a lighthouse on the right and the sea at sunset with clouds",
    "a yellow hot air balloon in the middle over the desert at dawn",
    "the mountains at night, a green tent on the right",
)


@contextmanager
def data_folder() -> Iterator[Path]:
    """Give an empty data folder; its Redis ends with it."""
    with tempfile.TemporaryDirectory(prefix="sdq-bench-") as name:
        home = Path(name)
        try:
            yield home
        finally:
            RedisServer(home / "redis").stop()


def sdq(home: Path, *arguments: str) -> float:
    """Run the installed program to its end; give its seconds as a whole process."""
    started = time.perf_counter()
    subprocess.run(
        [PROGRAM, *arguments],
        env=os.environ | {"SDQ_HOME": str(home)},
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return time.perf_counter() - started


def show(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table with what it was measured on."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    print(f"\n{title}")
    print(f"sdq {metadata.version('sdq')}, onnxruntime {metadata.version('onnxruntime')}, "
          f"Python {sys.version.split()[0]}, {os.cpu_count()} cores")  # fmt: skip
    for row in [header, ["-" * width for width in widths], *rows]:
        print("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip())
