"""Draining with a page open, against the same without: does somebody who looks cost drawing time?

A `sdq web` and a Chromium run all the time; in one half of each pair (`benchmarks.pairs`) the browser shows the queue
with its newest pictures, in the other a page without events, so that nobody listens to the server. The browser is on
the machine that draws, as on a Mac at home; with --listen a program listens to the events instead, which leaves what
the server costs.

    python -m benchmarks.watched [--prompts 4] [--seeds 25] [--steps 20] [--rounds 8] [--listen]
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import psutil
from playwright.sync_api import sync_playwright

from benchmarks.bench import PROGRAM, data_folder, show
from benchmarks.drain import Size, drain
from benchmarks.pairs import measure, seconds_of, show_pairs
from sdq.web.token import token_in

#: Somebody starts or stops to look.
Look = Callable[[bool], None]


@contextlib.contextmanager
def server(home: Path) -> Iterator[tuple[int, int]]:
    """Run `sdq web` over a data folder; give its port and its process id."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    process = subprocess.Popen(
        [PROGRAM, "web", "--port", str(port)],
        env=os.environ | {"SDQ_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            assert process.poll() is None, "sdq web has ended"
            time.sleep(0.1)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def browser(port: int, token: str) -> Iterator[Look]:
    """Give what opens the queue in Chromium, and closes it."""
    site = f"http://127.0.0.1:{port}/"
    program = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = opened.new_page()

        def look(looks: bool) -> None:
            # Within one site, so that Chromium keeps its process, whose time is counted.
            page.goto(f"{site}?token={token}" if looks else f"{site}healthz")

        yield look
        opened.close()


@contextlib.contextmanager
def listener(port: int, token: str) -> Iterator[Look]:
    """Give what listens to the queue's events, with `curl`, and leaves off."""
    running: list[subprocess.Popen[bytes]] = []
    command = ["curl", "--silent", "--no-buffer", "-H", f"Authorization: Bearer {token}"]

    def look(looks: bool) -> None:
        while running:
            ended = running.pop()
            ended.kill()
            ended.wait()
        if looks:
            address = f"http://127.0.0.1:{port}/events"
            running.append(subprocess.Popen([*command, address], stdout=subprocess.DEVNULL))

    yield look
    look(False)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=25)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--target", type=float, default=1.01)
    parser.add_argument("--listen", action="store_true", help="listen only, without a browser")
    options = parser.parse_args()
    size = Size(prompts=options.prompts, seeds=options.seeds, steps=options.steps)
    spent: list[tuple[float, float]] = []  # server, browser; ms of processor time an image
    with data_folder() as home:
        drain(home, Size(prompts=1, seeds=2, steps=1), 10_000)  # translates, starts Redis
        token = token_in(home)
        with (
            server(home) as (port, pid),
            (listener if options.listen else browser)(port, token) as look,
        ):
            around = _others_of(pid)

            def unseen(number: int) -> float:
                look(False)
                return drain(home, size, 2 * number).image_ms

            def seen(number: int) -> float:
                look(True)
                before = seconds_of(pid), sum(map(seconds_of, around()))
                took = drain(home, size, 2 * number + 1)
                after = seconds_of(pid), sum(map(seconds_of, around()))
                images = size.prompts * size.seeds / 1000
                spent.append(((after[0] - before[0]) / images, (after[1] - before[1]) / images))
                return took.image_ms

            pairs = measure(options.rounds, unseen, seen, lambda: [pid, *around()])
    show_pairs(
        f"drain: {size.prompts} prompts x {size.seeds} seeds, {size.steps} steps, "
        + ("with a listener" if options.listen else "with a page open"),
        ("unseen", "seen"),
        pairs,
        options.target,
    )
    show(
        "processor time while seen, ms an image, medians",
        ("server", "listener" if options.listen else "browser"),
        [tuple(f"{median(values):.1f}" for values in zip(*spent, strict=True))],
    )


def _others_of(server_pid: int) -> Callable[[], list[int]]:
    """Return what lists the processes that this one started and that look: the browser's, or the listener's."""
    own = psutil.Process()

    def found() -> list[int]:
        return [
            child.pid
            for child in own.children(recursive=True)
            if child.pid != server_pid
            and child.name().startswith(("chrom", "google", "node", "curl"))
        ]

    return found


if __name__ == "__main__":
    main()
