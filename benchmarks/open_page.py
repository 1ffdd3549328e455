"""A page that stays open for a night: does the browser grow?

Chromium is given the events of so many seconds of drawing, as the server writes them, as fast as it takes them: every
one with new counts and the step in hand, every second one with a new picture, whose thumbnail the server makes. After
each part, once what is unused was collected: the elements of the page, all nodes of its process, listeners, and the
script's heap. Not the memory of the process: what drives Chromium here has it record whatever comes over the network.

    python -m benchmarks.open_page [--events 8000]
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from playwright.sync_api import Browser, CDPSession, Route, sync_playwright

from benchmarks.bench import show
from benchmarks.finished import fill
from db.column_types import now_utc
from db.values import BatchState, FinishedImage
from sdq.web.look import AtWork, Look
from sdq.web.pages.events import PageEvents
from sdq_core.queue.in_hand import InHand
from sdq_core.queue.server import RedisServer
from tests.web.site import TOKEN, Site

PAGES = ("/", "/batches/1?view=newest", "/batches/1")
_SEEDS, _PARTS, _STEPS = 25, 4, 20
#: Events after which the page is as full as it gets.
_FIRST = 200
_STREAM = "text/event-stream"


def events(site: Site, path: str, count: int) -> Iterator[bytes]:
    """Yield what the server says to a page while so many seconds pass."""
    sources = site.app.state.sources
    ledger, batch_id = sources.ledger, None if path == "/" else 1
    [status] = ledger.batches.statuses()
    images: Iterator[FinishedImage] = iter(ledger.batches.images(status.id))
    writer, before = PageEvents(sources, batch_id, with_thumbnails=path != PAGES[-1]), None
    for second in range(count):
        image = InHand(
            batch=status.name, entry=1, seed=1, prompt="a house", step=second % _STEPS, steps=_STEPS
        )
        look = Look(
            moment=now_utc(),
            waiting=[replace(status, completed=second, completed_at=None, state=BatchState.ACTIVE)],
            workers=[AtWork(name="w", engine=None, image=image)],
            finished=list(islice(images, 1)) if second % 2 else [],
        )
        yield writer(look, before)
        before = look


def measured(session: CDPSession) -> tuple[int, int, float]:
    """Return nodes, listeners, and the script's heap, MiB."""
    session.send("HeapProfiler.collectGarbage")
    counters = session.send("Memory.getDOMCounters")
    heap = session.send("Runtime.getHeapUsage")["usedSize"] / 2**20
    return counters["nodes"], counters["jsEventListeners"], heap


def watch(browser: Browser, site: Site, path: str, count: int) -> list[tuple[str, ...]]:
    """Open a page and let so many events come; return the rows of a table."""
    context = browser.new_context(base_url=site.address)
    page = context.new_page()
    page.goto(f"/?token={TOKEN}")
    found, each = events(site, path, count), count // _PARTS
    asking: list[Route] = []
    page.route("**/events*", lambda route: asking.append(route))  # noqa: PLW0108  (it is given an attribute)
    page.goto(path)
    session = context.new_cdp_session(page)
    rows, told = [], 0
    for part in range(_PARTS + 1):
        while not asking:  # what was told before is read to its end
            page.wait_for_timeout(100)
        page.wait_for_timeout(2000)
        elements = page.evaluate("document.querySelectorAll('*').length")
        nodes, listeners, heap = measured(session)
        row = (f"{told:,}", f"{elements:,}", f"{nodes:,}", f"{listeners:,}", f"{heap:.2f}")
        rows.append((path, *row))
        print(*rows[-1], file=sys.stderr)
        some = list(islice(found, each if part else _FIRST))
        told += len(some)
        asking.pop().fulfill(body=b"retry: 1\n\n" + b"".join(some), content_type=_STREAM)
    context.close()
    return rows


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=8_000)
    given = parser.parse_args()
    program = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory(prefix="sdq-open-") as name, sync_playwright() as driver:
        home = Path(name) / "home"
        home.mkdir()
        fill(home, given.events // 2 // _SEEDS * _SEEDS, _SEEDS)
        server = RedisServer(home / "redis")
        server.ensure_running()
        site = Site(home, server.url)
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            rows = [row for path in PAGES for row in watch(browser, site, path, given.events)]
            header = ("page", "events", "elements", "nodes", "listeners", "heap, MiB")
            show(f"{given.events:,} events", header, rows)
        finally:
            browser.close()
            site.close()
            server.stop()


if __name__ == "__main__":
    main()
