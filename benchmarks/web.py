"""A page of a batch of a million finished images: how long at the server, wherever in the batch?

One `sdq web` process over a ledger as workers leave it, 25 seeds for each prompt; medians over pages that were not
asked for before, in milliseconds. Then: what a second of listening to events costs the server's processor.

    python -m benchmarks.web [--images 1000000] [--folder /dev/shm] [--listeners 1000]
"""

from __future__ import annotations

import argparse
import http.client
import os
import random
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median

import psutil

from benchmarks.bench import PROGRAM, show
from benchmarks.finished import fill
from sdq.web.token import token_in

SEEDS = 25
_ROUNDS = 15
_LISTENED_S = 10.0


def ask(port: int, token: str, path: str) -> float:
    """Ask for a page; return how long that took, ms."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    began = time.perf_counter()
    connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    answer.read()
    took = time.perf_counter() - began
    assert answer.status == 200, (path, answer.status)
    connection.close()
    return took * 1000


def pages(prompts: int, images: int) -> dict[str, list[str]]:
    """Return the addresses to ask for, by what they are."""
    some = random.Random(0)
    entries = [some.randrange(1, prompts) for _ in range(_ROUNDS)]
    return {
        "first page": ["/batches/1"] * _ROUNDS,
        "any page": [f"/batches/1?entry={entry}" for entry in entries],
        "last page": [f"/batches/1?entry={prompts - 11}"] * _ROUNDS,
        "one prompt": [f"/batches/1/{entry}" for entry in entries],
        "one image": [f"/batches/1/{entry}/{some.randrange(SEEDS)}" for entry in entries],
        "newest": ["/batches/1?view=newest"] * _ROUNDS,
        "older": [f"/batches/1?view=newest&before={some.randrange(100, images)}" for _ in entries],
        "where, many": ["/batches/1?where=seed+%3E+3"] * _ROUNDS,
        "where, none": ["/batches/1?where=seed+%3E+300"] * 3,
        "queue": ["/"] * _ROUNDS,
    }


def listened(server: psutil.Process, port: int, token: str, listeners: int) -> float:
    """Return what listening costs the server's processor, ms for each second."""
    connections = []
    for _ in range(listeners):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", "/events", headers={"Authorization": f"Bearer {token}"})
        connections.append(connection)
    time.sleep(5)
    before = sum(server.cpu_times()[:2])
    time.sleep(_LISTENED_S)
    used = sum(server.cpu_times()[:2]) - before
    for connection in connections:
        connection.close()
    return used / _LISTENED_S * 1000


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="of a file system with many links")
    parser.add_argument("--listeners", type=int, default=1000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        home = Path(name)
        fill(home, given.images, SEEDS)
        token = token_in(home)
        server = subprocess.Popen(
            [PROGRAM, "web", "--port", "0"],
            env=os.environ | {"SDQ_HOME": name},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert server.stdout is not None
        port = int(server.stdout.readline().split(":")[2].partition("/")[0])
        try:
            rows = []
            for what, addresses in pages(given.images // SEEDS, given.images).items():
                took = [ask(port, token, address) for address in addresses]
                rows.append((what, f"{took[0]:.0f}", f"{median(took):.1f}", f"{max(took):.0f}"))
            show(
                f"{given.images:,} images", ("page", "first, ms", "median, ms", "slowest, ms"), rows
            )
            process = psutil.Process(server.pid)
            rows = [
                (f"{count:,}", f"{listened(process, port, token, count):.1f}")
                for count in (1, given.listeners)
            ]
            show("Events", ("listeners", "ms of processor a second"), rows)
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
