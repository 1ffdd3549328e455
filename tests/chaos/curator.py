"""The curator: exports everything that is drawn as a data set, again and again, while the storm rages."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from tests.chaos.customer import Order, Wish, all_wishes
from tests.chaos.place import Place

_EVERY_S = 8.0
#: Exit codes of an export that could not go on, and said why: nothing drawn yet, files or services away.
_REFUSALS = {3, 66, 69, 73, 74, 75}


class Curator:
    """Adds to one data set. exports: how many went through; killed: how many were killed; codes: how others ended."""

    def __init__(self, place: Place) -> None:
        self.exports = 0
        self.killed = 0
        self.codes: Counter[int] = Counter()
        self._place = place
        self._out = place.logs / "data set"
        self._process: subprocess.Popen[bytes] | None = None
        self._not_before = 0.0

    def tend(self, orders: Sequence[Order]) -> None:
        """Export when it is time to."""
        if self._process is not None:
            if self._process.poll() is None:
                return
            self._settle(self._process.returncode)
        if orders and time.monotonic() >= self._not_before:
            self._process = self._start(orders)

    def kill(self) -> bool:
        """Kill -9 the export that runs just now; give whether there was one."""
        if self._process is None or self._process.poll() is not None:
            return False
        self._process.kill()
        self.killed += 1
        self._process.wait()
        self._process = None
        return True

    def finish(self, orders: Sequence[Order]) -> list[str]:
        """Export the rest, in calm; return what is wrong with the data set."""
        self.close()
        last = self._start(orders)
        if last.wait(timeout=600):
            return [
                f"the last export ended with {last.returncode}; see {self._place.logs}/export.log"
            ]
        self.exports += 1
        found = Counter(
            wish for shard in sorted(self._out.glob("*.tar")) for wish in _wishes_of(shard)
        )
        wishes = all_wishes(orders)
        wrong = [f"{len(missing)} images are missing"] if (missing := wishes - found.keys()) else []
        if more := found.keys() - wishes:
            wrong.append(f"{len(more)} were never asked for")
        if twice := [wish for wish, count in found.items() if count > 1]:
            wrong.append(f"{len(twice)} are in it twice")
        if codes := {code for code in self.codes if code not in _REFUSALS}:
            wrong.append(f"exports ended with {sorted(codes)}")
        return wrong

    def close(self) -> None:
        """Leave no process behind."""
        if self._process is not None:
            if self._process.poll() is None:
                self._process.kill()
            self._process.wait()
            self._process = None

    def _start(self, orders: Sequence[Order]) -> subprocess.Popen[bytes]:
        return self._place.start(
            "export", *(order.name for order in orders), str(self._out),
            "--format", "webdataset", "--shard-samples", "100", "--quiet",
            log="export.log",
        )  # fmt: skip

    def _settle(self, code: int) -> None:
        self._process = None
        self._not_before = time.monotonic() + _EVERY_S
        if code:
            self.codes[code] += 1
        else:
            self.exports += 1


def _wishes_of(shard: Path) -> list[Wish]:
    """Read a shard as a training script does: each image whole, with its record."""
    records, pictures = [], 0
    with tarfile.open(shard) as members:
        for member in members:
            file = members.extractfile(member)
            assert file is not None
            data = file.read()
            if member.name.endswith(".png"):
                with Image.open(io.BytesIO(data)) as picture:
                    picture.load()
                pictures += 1
            elif member.name.endswith(".json"):
                records.append(json.loads(data))
    assert pictures == len(records), shard
    return [(each["prompt"], each["num_inference_steps"], each["seed"]) for each in records]
