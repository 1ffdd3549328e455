"""``python -m tests.chaos --seconds 600 --seed 7``: a long storm; exit code 1 when anything was lost or done twice.

``--recovery`` kills workers one at a time and measures; ``--calm`` lets nothing happen but many submissions at once.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from tests.chaos.bounds import Bounds
from tests.chaos.crowd import Crowd, crowd
from tests.chaos.kills import kill_often
from tests.chaos.outcome import violations
from tests.chaos.report import describe
from tests.chaos.storm import rage
from tests.chaos.weather import Weather


def main() -> int:
    """Run what was asked for and print its report."""
    options = _options()
    seed = random.randrange(1_000_000) if options.seed is None else options.seed
    folder = options.folder or Path(tempfile.mkdtemp(prefix="sdq-storm-"))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # nothing is left mounted or running
    _say(f"Seed {seed}, in {folder}.")
    if options.recovery:
        kept = kill_often(
            folder, kills=options.kills, workers=options.workers, seed=seed,
            bounds=Bounds(), say=_say,
        )  # fmt: skip
    elif options.calm:
        plan = Crowd(
            images=options.images, submissions=options.submissions, workers=options.workers,
            seed=seed, postgres=options.postgres,
        )  # fmt: skip
        kept = crowd(folder, plan, say=_say)
    else:
        weather = Weather(
            seconds=options.seconds, seed=seed, hosts=options.hosts, postgres=options.postgres,
            workers=options.workers, every_s=options.every, longest_s=options.longest,
            units=options.units, pictures=options.pictures, web=options.web,
        )  # fmt: skip
        outcome = rage(folder, weather, say=_say)
        _say(f"\n{describe(outcome)}")
        kept = not violations(outcome)
    if not kept:
        _say(f"The workers' logs are in {folder / 'logs'}.")
        return 1
    if options.folder is None:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    add = parser.add_argument
    add("--seconds", type=float, default=600, help="how long the storm lasts [600]")
    add("--seed", type=int, help="of the dice [random]")
    add("--hosts", type=int, default=1, help="more than 1 share Redis, PostgreSQL and outputs [1]")
    add("--postgres", action="store_true", help="keep the ledger in PostgreSQL [SQLite]")
    add("--workers", type=int, default=3, help="how many, the hosts in turn [3]")
    add("--every", type=float, default=2.5, help="mean s between troubles [2.5]")
    add("--longest", type=float, default=12, help="most s that one lasts [12]")
    add(
        "--units",
        action="store_true",
        help="let parts of the model fail on compute units, others after each update",
    )
    add("--web", action="store_true", help="have `sdq web` run and read its pages")
    add(
        "--pictures",
        action="store_true",
        help="draw from pictures, too, with masks and ControlNets, and take the pictures away; one host",
    )
    add("--recovery", action="store_true", help="only kill workers, one at a time, and measure")
    add("--kills", type=int, default=100, help="how many of these [100]")
    add("--calm", action="store_true", help="no trouble at all, but many submissions at once")
    add("--images", type=int, default=10_000, help="how many these ask for [10000]")
    add("--submissions", type=int, default=600, help="how many of these [600]")
    add("--folder", type=Path, help="work here and keep it [a temporary one]")
    options = parser.parse_args()
    if options.pictures and options.hosts > 1:
        parser.error("--pictures is for one host: others would not have the pictures")
    return options


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
