"""What axe-core finds fault with: nothing, on every page and in both schemes."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from tests.web.browser import Visitor
from tests.web.site import Site

PAGES = (
    "/",
    "/batches",
    "/batches/1",
    "/batches/1?where=seed+%3E",
    "/batches/1/1",
    "/batches/1/1/2",
    "/submit",
    "/compare",
    "/compare?images=1,2",
    "/compare?batches=1,1",
    "/models",
    "/night",
    "/nowhere",
)
ALL = {"resultTypes": ["violations"]}
CONTRAST = {**ALL, "runOnly": ["color-contrast"]}


def test_every_page_is_accessible(browser: Browser, site: Site) -> None:
    visitor, axe = Visitor(browser, site), Axe()
    page = visitor.page
    stranger = browser.new_context(base_url=site.address).new_page()
    stranger.goto("/batches/1")
    assert axe.run(stranger).generate_report().startswith("Found 0 ")
    stranger.context.close()
    for path in PAGES:
        page.goto(path)
        if path == "/batches/1":
            for key in "j j xf":
                page.keyboard.press(key)
            expect(page.locator("#chosen")).to_be_visible()
        for scheme, options in (("light", ALL), ("dark", CONTRAST)):
            page.emulate_media(color_scheme=scheme)
            found = axe.run(page, options=options)
            if found.violations_count:
                pytest.fail(f"{path}, {scheme}: {found.generate_report()}")
    page.goto("/batches/1")
    page.keyboard.press("?")
    assert axe.run(page, context="dialog").generate_report().startswith("Found 0 ")
    visitor.context.close()
