"""Take the pictures of `sdq web` in the docs, over batches that the demo models draw: docs/web-*.webp.

    python tools/shoot_pages.py FOLDER

FOLDER is an empty data folder, or one of an earlier run, of which nothing is drawn again. With --all it takes every
page in both schemes and three widths, to be looked at, and writes PNGs into FOLDER/shots instead.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from sdq.web.token import token_in

Scheme = Literal["light", "dark"]

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
WIDTHS = (380, 900, 1400)
PROMPTS = """\
a postcard of a red lighthouse on the right by the sea at sunset, under a clear sky
a postcard of a blue tent on the left in a snowy field at night, under a clear sky
a postcard of a yellow balloon in the middle over the mountains at dawn, in foggy weather
a postcard of a purple house on the left and a green tree on the right in a meadow by day
a postcard of a red kite on the left over a sandy desert by day, under a cloudy sky
a postcard of a green lighthouse in the middle by the sea at night, in the rain
"""
#: What is done before, each once.
DRAWN = (
    ("postcards", "--model", "demo-turbo", "--seed-range", "0-19"),
    ("twenty-steps", "--model", "demo", "--seed-range", "0-3", "--steps", "20"),
    ("eight-steps", "--model", "demo", "--seed-range", "0-3", "--steps", "8"),
)
#: What is drawn while the pictures are taken, each seed from choices of its own: so slowly that it is not done before.
TEMPLATE = (
    "a postcard of a {red|blue|yellow|green|purple} {lighthouse|tent|balloon|house|kite|tree} "
    "{on the left|in the middle|on the right} {by the sea|in a snowy field|over the mountains|in a meadow|in a desert} "
    "{at dawn|by day|at sunset|at night}, under a {clear|cloudy} sky"
)
DRAWING = ("--model", "demo", "--dynamic", "random", "--seed-range", "0-299", "--steps", "60")
#: CSS pixels; the queue's workers are below what else shows.
WIDTH, HEIGHT, QUEUE_HEIGHT = 1240, 860, 1060
QUALITY = 80


#: The pages, by the names of their pictures. A new ledger's batches count from 1.
PAGES = {
    "queue": "/",
    "batch": "/batches/1",
    "image": "/batches/1/1/7",
    "compare": "/compare?batches=2,3",
    "models": "/models",
    "submit": "/submit",
    "night": "/night?since=24h",
}
#: What a phone shows in one picture, with so many pixels between.
PHONE, GAP = ("queue", "batch", "image"), 24


def sdq(home: Path, *words: str) -> subprocess.Popen[bytes]:
    """Start a command over the data folder."""
    command = [sys.executable, "-m", "sdq", *words]
    return subprocess.Popen(
        command, env=os.environ | {"SDQ_HOME": str(home)}, cwd=ROOT, stdout=subprocess.DEVNULL
    )


def run(home: Path, *words: str) -> None:
    """Run a command to its end."""
    if code := sdq(home, *words).wait():
        raise SystemExit(f"sdq {words[0]} ended with {code}")


def draw(home: Path) -> None:
    """Draw what the pages show, unless it is drawn."""
    if (home / "sdq.db").exists():
        return
    prompts = home / "prompts.txt"
    home.mkdir(parents=True, exist_ok=True)
    prompts.write_text(PROMPTS)
    for name, *options in DRAWN:
        run(home, "submit", str(prompts), "--batch", name, "--quiet", *options)
    run(home, "worker", "--burst", "--quiet")
    run(home, "bench", "demo-turbo", "--quick", "--quiet")
    run(home, "submit", "--prompt", TEMPLATE, "--batch", "tonight", "--quiet", *DRAWING)
    # The first of them are there before somebody looks.
    run(home, "worker", "--max-images", "30", "--quiet")


@contextmanager
def at_work(home: Path) -> Iterator[int]:
    """Serve the pages while a worker draws; give the port."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    started = [sdq(home, "web", "--port", str(port)), sdq(home, "worker", "--preview", "--quiet")]
    try:
        while socket.socket().connect_ex(("127.0.0.1", port)):
            time.sleep(0.2)
        yield port
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait()


def shoot(window: BrowserContext, name: str, *, whole: bool = False) -> bytes:
    """Return a page's picture, a PNG of what is first seen of it. whole: and of what is below that."""
    page = window.new_page()
    page.goto(PAGES[name])
    if name == "submit":
        page.get_by_label("Prompts").fill("".join(PROMPTS.splitlines(keepends=True)[:3]))
        page.get_by_label("Images of each prompt").fill("20")
        page.get_by_role("button", name="See the plan").click()
    if name == "queue":
        page.locator("#workers img.preview").wait_for()
    page.wait_for_load_state("load")
    page.wait_for_timeout(1500)  # for thumbnails that are made now, and for what fades in
    data = page.screenshot(full_page=whole)
    page.close()
    return data


def window_of(
    browser: Browser, port: int, home: Path, size: tuple[int, int], scheme: Scheme
) -> BrowserContext:
    """Return a window that may see the pages. size: width and height, CSS pixels."""
    window = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme=scheme,
        base_url=f"http://127.0.0.1:{port}",
    )
    page = window.new_page()
    page.goto(f"/?token={token_in(home)}")
    page.close()
    return window


def for_docs(browser: Browser, port: int, home: Path) -> None:
    """Take the pictures of the docs: each page, and some on a phone beside each other."""
    for name in PAGES:
        height = QUEUE_HEIGHT if name == "queue" else HEIGHT
        window = window_of(browser, port, home, (WIDTH, height), "light")
        save(Image.open(io.BytesIO(shoot(window, name))), f"web-{name}")
    width, height = 390, 844
    phone = window_of(browser, port, home, (width, height), "dark")
    row = Image.new("RGB", (width * len(PHONE) + GAP * (len(PHONE) - 1), height), "white")
    for at, name in enumerate(PHONE):
        row.paste(Image.open(io.BytesIO(shoot(phone, name))), (at * (width + GAP), 0))
    save(row, "web-phone")


def save(picture: Image.Image, name: str) -> None:
    """Write a picture of the docs."""
    path = DOCS / f"{name}.webp"
    picture.convert("RGB").save(path, quality=QUALITY, method=6)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB")


def to_look_at(browser: Browser, port: int, home: Path) -> None:
    """Take every page in both schemes and each width, in its whole length."""
    folder = home / "shots"
    folder.mkdir(exist_ok=True)
    schemes: tuple[Scheme, ...] = ("light", "dark")
    for scheme in schemes:
        for width in WIDTHS:
            window = window_of(browser, port, home, (width, 1000), scheme)
            for name in PAGES:
                data = shoot(window, name, whole=True)
                (folder / f"{name}-{width}-{scheme}.png").write_bytes(data)
            window.close()


def main() -> None:
    """Draw, serve, and take the pictures."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("folder", type=Path)
    options.add_argument("--all", action="store_true")
    asked = options.parse_args()
    home = asked.folder.resolve()
    draw(home)
    program = shutil.which("chromium") or shutil.which("google-chrome")
    with at_work(home) as port, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        (to_look_at if asked.all else for_docs)(browser, port, home)
        browser.close()


if __name__ == "__main__":
    main()
