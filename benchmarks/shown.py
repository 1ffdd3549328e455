"""What a finished image costs those who show it: processor time of `sdq web` and of the browser, with nothing drawn.

Files and rows are added as a worker adds them, at a given rate, and the image in hand moves as a worker says it, while
Chromium shows a page. Processor time changes less than the clock when other programs run; `benchmarks.watched` tells
what it means for drawing.

    python -m benchmarks.shown [--rate 4] [--seconds 40] [--side 128] [--page /]
"""

from __future__ import annotations

import argparse
import contextlib
import io
import shutil
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
from PIL import Image
from playwright.sync_api import Page, sync_playwright
from rq.worker import BaseWorker

from benchmarks.bench import data_folder, show
from benchmarks.pairs import seconds_of
from benchmarks.watched import server
from db.ledger import Ledger
from db.values import Slice
from sdq.web.token import token_in
from sdq_core.images.root import OutputRoot
from sdq_core.queue.connection import connect
from sdq_core.queue.in_hand import InHand
from sdq_core.queue.queues import Queues
from sdq_core.queue.server import RedisServer
from sdq_core.settings import read_settings
from tests.ledger.plans import ENGINE, plan, record

_SEEDS, _STEPS = 25, 20
#: Until the page has all it shows at first, and is as full as it gets.
_FIRST_S = 12.0
#: How often a worker says what it has in hand.
_HAND_S = 0.5
#: Counts the events that a page is told, of which each has it drawn anew.
_COUNTING = """window.told = 0;
const add = EventSource.prototype.addEventListener;
EventSource.prototype.addEventListener = function (name, told) {
  add.call(this, name, (event) => { window.told += name === "parts"; told(event); });
};"""
#: By this RQ lists the worker.
_LISTED = f"{BaseWorker.redis_worker_namespace_prefix}{ENGINE.worker}"


def pictures(side: int) -> Iterator[bytes]:
    """Yield PNG files that take a browser and Pillow about as long as drawn ones."""
    random = np.random.default_rng(0)
    while True:
        coarse = random.integers(0, 255, (8, 8, 3), np.uint8)
        picture = Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)
        noise = random.integers(0, 12, (side, side, 3), np.uint8)
        file = io.BytesIO()
        Image.fromarray((np.asarray(picture) // 16 * 15) + noise).save(file, "png")
        yield file.getvalue()


class Drawn:
    """A ledger to which images are added, and the worker that seems to draw them."""

    def __init__(self, home: Path, ledger: Ledger, side: int) -> None:
        self._connection = connect(read_settings({}, {"home": str(home)}))
        self._ledger, self._queues = ledger, Queues(self._connection, ledger.id)
        self._root = OutputRoot(home / "outputs", home=home, ledger_id=ledger.id)
        self._engine_id = ledger.work.register_engine(ENGINE)
        self._pictures = pictures(side)
        self._wanted = self._images()
        self._said = 0.0

    def _images(self) -> Iterator[tuple[Slice, int]]:
        for ref in self._ledger.work.open_slices():
            slice_ = self._ledger.work.load_slice(ref.id)
            assert slice_ is not None
            for seed in slice_.seeds:
                yield slice_, seed
            self._ledger.work.finish_slice(slice_.id)

    def go_on(self, rate: float, seconds: float) -> int:
        """Add images for so long; return how many."""
        began, count = time.monotonic(), 0
        slice_, seed = next(self._wanted)
        while (passed := time.monotonic() - began) < seconds:
            self._say(slice_, seed, int((passed * rate) % 1 * _STEPS))
            time.sleep(min(_HAND_S, max(0.0, (count + 1) / rate - passed)))
            if time.monotonic() - began >= (count + 1) / rate:
                self._add(slice_, seed)
                count += 1
                slice_, seed = next(self._wanted)
        return count

    def _say(self, slice_: Slice, seed: int, step: int) -> None:
        if time.monotonic() < self._said + _HAND_S:
            return
        self._said = time.monotonic()
        self._queues.claims.beat(ENGINE.worker, int(self._said * 10), {})
        self._connection.set(_LISTED, 1)
        image = InHand(
            batch=slice_.batch_name, entry=slice_.entry, seed=seed, prompt=slice_.recipe.prompt,
            step=step, steps=_STEPS,
        )  # fmt: skip
        self._queues.in_hand.show(ENGINE.worker, image)

    def _add(self, slice_: Slice, seed: int) -> None:
        self._ledger.work.note_attempts(
            slice_.recipe_id, [seed], engine_id=self._engine_id, slice_id=slice_.id
        )
        path = slice_.filing.path(slice_.path_facts(seed))
        stored = self._root.store(next(self._pictures), path)
        drawn = record(slice_, seed, self._engine_id)
        self._ledger.work.record_and_go_on(
            replace(
                drawn,
                path=path,
                size_bytes=stored.size_bytes,
                sha256=stored.sha256,
                pixels_sha256=stored.sha256,
            )
        )


@contextlib.contextmanager
def opened(address: str, path: str) -> Iterator[Page]:
    """Give a page in Chromium."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page()
        page.add_init_script(_COUNTING)
        page.goto(address)
        page.goto(path)
        yield page
        browser.close()


def spent(server_pid: int) -> Mapping[str, float]:
    """Return the processor time of all who show, s, by what they are."""
    found = defaultdict(float, {"server": seconds_of(server_pid)})
    for child in psutil.Process().children(recursive=True):
        words = child.cmdline() if child.is_running() else []
        if child.pid == server_pid or not child.name().startswith(("chrom", "google")):
            continue
        kind = next((word[7:] for word in words if word.startswith("--type=")), child.name())
        found[kind] += seconds_of(child.pid)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=4.0, help="images a second")
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--side", type=int, default=128, help="of the images, pixels")
    parser.add_argument("--page", default="/")
    parser.add_argument("--batches", type=int, default=1, help="that are not finished")
    parser.add_argument("--picture", help="file to show the page in, at the end")
    options = parser.parse_args()
    with data_folder() as home:
        redis = RedisServer(home / "redis")
        redis.ensure_running()
        prompts = [f"a detailed picture of number {i}, a house by the sea" for i in range(200)]
        with Ledger.open(f"sqlite:///{home / 'sdq.db'}") as ledger:
            for number in range(options.batches):
                ledger.submissions.add(plan(prompts, range(_SEEDS), name=f"night-{number}"))
            drawn = Drawn(home, ledger, options.side)
            with server(home) as (port, pid):
                site = f"http://127.0.0.1:{port}"
                address = f"{site}/?token={token_in(home)}"
                with opened(address, site + options.page) as page:
                    drawn.go_on(options.rate, _FIRST_S)
                    before, told = spent(pid), page.evaluate("window.told")
                    count = drawn.go_on(options.rate, options.seconds)
                    after, told = spent(pid), page.evaluate("window.told") - told
                    if options.picture:
                        page.screenshot(path=options.picture)
    rows = [(kind, f"{(after[kind] - before[kind]) / count * 1000:.1f}") for kind in sorted(after)]
    show(
        f"{count} images of {options.side} x {options.side}, {options.rate:g} a second; {options.page} was told "
        f"{told} times",
        ("process", "ms of processor time an image"),
        rows,
    )


if __name__ == "__main__":
    main()
