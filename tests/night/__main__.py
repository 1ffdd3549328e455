"""``python -m tests.night --minutes 20``: play a night and look at the morning; exit code 1 if all is not well.

The figures in docs/nights.md are its output.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from tests.night.morning import look_at
from tests.night.night import play


def main() -> int:
    """Play the night, print what happened and what the morning shows."""
    parser = argparse.ArgumentParser(prog="python -m tests.night", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20, help="how long it takes [20]")
    parser.add_argument("--folder", type=Path, help="play here and keep it [a temporary one]")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="sdq-night-"))
    folder.mkdir(parents=True, exist_ok=True)
    wrong = look_at(play(folder, minutes=options.minutes))
    for sentence in wrong:
        print(f"WRONG: {sentence}", flush=True)
    if wrong:
        print(f"Everything of this night is in {folder}.")
        return 1
    print("Nothing lost, nothing twice, every notice once.")
    if options.folder is None:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
