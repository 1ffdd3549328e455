"""The browser that is installed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.web.site import TOKEN, Site

_PROGRAMS = (
    "chromium",
    "google-chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)


def chromium() -> Iterator[Browser]:
    """Start Chromium; without one, tests are skipped here and fail in CI."""
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("There is no Chromium. Run `apt-get install chromium`.")
        pytest.skip("There is no Chromium. Run `apt-get install chromium`, or install Chrome.")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


class Visitor:
    """Somebody who looks at a site, and all that their browser complains about."""

    def __init__(self, browser: Browser, site: Site, **how: object) -> None:
        self.context: BrowserContext = browser.new_context(base_url=site.address, **how)  # type: ignore[arg-type]
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.asked: set[str] = set()
        self.page.on("console", lambda said: self.complaints.append(said.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.asked.add(request.url))
        self.page.goto(f"/?token={TOKEN}")
