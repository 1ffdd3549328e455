"""Ten times the images: at most 12 times the time, and memory within 20 %? Whole processes, 1,000,000 and 10,000,000.

The images are pending, as `sdq submit` stores them; nothing is drawn. Both sizes have 100 seeds for each prompt and are
measured in one run, in data folders of their own. Peak memory is that of the command's process (not of Redis).

python -m benchmarks.millions [--images 1000000,10000000] [--seeds 100]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping

from benchmarks.bench import PROGRAM, data_folder, show
from benchmarks.cost import Cost, cost
from db.dispatch import reconcile
from db.ledger import Ledger
from sdq_core.queue.connection import connect
from sdq_core.queue.queues import Queues
from sdq_core.queue.server import RedisServer
from sdq_core.settings import read_settings

#: The most that ten times the images may cost.
MOST_TIME, MOST_MEMORY = 12.0, 1.2


def costs(images: int, seeds: int) -> dict[str, Cost]:
    """Give what each command costs with so many pending images."""
    found: dict[str, Cost] = {}
    with data_folder() as home:
        file = home / "many.txt"
        with file.open("w") as lines:
            lines.writelines(
                f"a detailed picture of number {i}, a house by the sea at sunset, clear weather\n"
                for i in range(images // seeds)
            )
        RedisServer(home / "redis").ensure_running()
        again = (sys.executable, "-m", "benchmarks.millions", "--reconcile")
        submit = (str(PROGRAM), "submit", str(file), "--seed-range", f"0-{seeds - 1}")
        for name, command in (
            ("submit", submit),
            ("the same again", submit),
            ("status", (str(PROGRAM), "status")),
            ("verify --quick", (str(PROGRAM), "verify", "--quick")),
            ("reconcile, all queued", again),
            ("cancel", (str(PROGRAM), "cancel", "many")),
            ("prune", (str(PROGRAM), "prune", "many", "--yes")),
        ):
            found[name] = cost(home, *command)
            print(f"{images:,}: {name}, {found[name].seconds:.2f} s", file=sys.stderr)
    return found


def show_growth(
    title: str, few: int, many: int, small: Mapping[str, Cost], large: Mapping[str, Cost]
) -> None:
    """Print both costs of each command, their ratios, and whether they hold."""
    rows = []
    for name, least in small.items():
        most = large[name]
        slower = most.seconds / least.seconds
        busier = most.processor_s / least.processor_s
        larger = most.peak_bytes / least.peak_bytes
        holds = slower <= MOST_TIME * many / few / 10 and larger <= MOST_MEMORY
        rows.append((
            name, f"{least.seconds:.2f} s", f"{most.seconds:.2f} s", f"{slower:.1f}x",
            f"{least.processor_s:.2f} s", f"{most.processor_s:.2f} s", f"{busier:.1f}x",
            f"{least.peak_bytes / 1e6:.0f} MB", f"{most.peak_bytes / 1e6:.0f} MB", f"{larger:.2f}x",
            "yes" if holds else "NO",
        ))  # fmt: skip
    header = (
        "",
        "time",
        "time",
        "ratio",
        "busy",
        "busy",
        "ratio",
        "memory",
        "memory",
        "ratio",
        "holds",
    )
    show(title, header, rows)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", default="1000000,10000000")
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--reconcile", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.reconcile:
        settings = read_settings()
        with Ledger.open(settings.database_url) as ledger:
            reconcile(ledger, Queues(connect(settings), ledger.id))
        return
    few, many = (int(number) for number in options.images.split(","))
    small, large = costs(few, options.seeds), costs(many, options.seeds)
    show_growth(
        f"millions: {few:,} and {many:,} pending images, {options.seeds} seeds for each prompt",
        few, many, small, large,
    )  # fmt: skip


if __name__ == "__main__":
    main()
