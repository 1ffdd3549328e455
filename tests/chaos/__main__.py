"""``python -m tests.chaos --seconds 600 --seed 7``: a long storm; exit code 1 when anything was lost or done twice."""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from tests.chaos.report import describe, violations
from tests.chaos.storm import Weather, rage


def main() -> int:
    """Run one storm and print its report."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="how long the storm lasts [600]")
    parser.add_argument("--seed", type=int, help="of the storm's dice [random]")
    parser.add_argument("--workers", type=int, default=3, help="how many [3]")
    parser.add_argument("--every", type=float, default=2.5, help="mean s between troubles [2.5]")
    parser.add_argument("--longest", type=float, default=12, help="most s that one lasts [12]")
    parser.add_argument("--folder", type=Path, help="work here and keep it [a temporary one]")
    options = parser.parse_args()
    weather = Weather(
        seconds=options.seconds,
        seed=random.randrange(1_000_000) if options.seed is None else options.seed,
        workers=options.workers,
        every_s=options.every,
        longest_s=options.longest,
    )
    folder = options.folder or Path(tempfile.mkdtemp(prefix="sdq-storm-"))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # nothing is left mounted or running
    print(f"Seed {weather.seed}, in {folder}.", flush=True)
    outcome = rage(folder, weather, say=lambda text: print(text, flush=True))
    print(f"\n{describe(outcome)}")
    if violations(outcome):
        print(f"The workers' logs are in {folder / 'logs'}.")
        return 1
    if options.folder is None:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
