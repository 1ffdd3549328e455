"""The pages in a browser: what changes by itself, keys, widths, and what works without a script."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Browser, expect

from sdq.web.token import opening_page
from tests.api.drawing import draw
from tests.web.browser import Visitor
from tests.web.site import TOKEN, Site

ALL_PAGES = (
    "/",
    "/submit",
    "/night?since=7d",
    "/batches",
    "/batches/1",
    "/batches/1?view=newest",
    "/batches/1/1",
    "/batches/1/1/2",
    "/compare",
    "/models",
)


def test_no_page_asks_anybody_else_breaks_its_own_rules_or_is_wider_than_its_window(
    browser: Browser, site: Site
) -> None:
    visitor = Visitor(browser, site)
    for path in ALL_PAGES:
        visitor.page.goto(path)
        expect(visitor.page.locator("h1")).to_be_visible()
        broken = "[...document.images].filter(i => i.complete && !i.naturalWidth).length"
        assert visitor.page.evaluate(broken) == 0, path
        for width in (360, 900, 1400):
            visitor.page.set_viewport_size({"width": width, "height": 800})
            wide = visitor.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, path
    assert visitor.complaints == []
    assert {url[: len(site.address)] for url in visitor.asked} == {site.address}
    with_token = {url for url in visitor.asked if "token=" in url}
    assert with_token == {f"{site.address}/?token={TOKEN}"}
    visitor.context.close()


def test_pictures_and_counts_appear_as_they_are_drawn(browser: Browser, own_site: Site) -> None:
    own_site.queue.submit(["a stone"], seeds=[1], batch="alone")
    own_site.queue.submit(["the sea"], seeds=range(70), batch="one")
    visitor = Visitor(browser, own_site)
    newest = visitor.context.new_page()
    newest.goto("/batches/2?view=newest")
    sheet = visitor.context.new_page()
    sheet.goto("/batches/2")
    queue = visitor.page
    for page in (queue, newest, sheet):
        expect(page.locator("#connection")).to_have_text("live")
    draw(own_site.queue, slices=1)
    expect(queue.locator(".new img")).to_have_count(1)  # it came alone, so it fades in
    draw(own_site.queue, slices=1)
    expect(queue.locator("#waiting")).to_contain_text("25 of 70")
    expect(queue.locator("[data-cards] li")).to_have_count(24)
    expect(queue.locator(".new img")).to_have_count(0)
    expect(queue.locator("[data-cards] img").first).to_have_js_property("naturalWidth", 32)
    assert not [address for address in visitor.asked if "/t/" in address]  # they came with the news
    expect(newest.locator("[data-cards] li")).to_have_count(25)
    expect(newest.locator(".standing")).to_contain_text("25")
    expect(sheet.locator(".tile.blank")).to_have_count(0)
    expect(sheet.locator(".tile img")).to_have_count(8)
    draw(own_site.queue)
    expect(queue.locator("h1")).to_have_text("Nothing to draw")
    expect(queue.locator("#news")).to_have_text("Nothing to draw")  # for who does not see it
    # However many come, a page that stays open does not grow.
    expect(queue.locator("[data-cards] li")).to_have_count(24)
    expect(newest.locator("[data-cards] li")).to_have_count(60)
    visitor.context.close()


def test_a_menu_that_is_open_stays_while_counts_change(browser: Browser, own_site: Site) -> None:
    own_site.queue.submit(["the sea"], seeds=range(50), batch="one")
    visitor = Visitor(browser, own_site)
    page = visitor.page
    expect(page.locator("#connection")).to_have_text("live")
    page.locator("summary").click()
    draw(own_site.queue, slices=1)
    expect(page.locator("[data-cards] li")).to_have_count(24)
    expect(page.get_by_role("button", name="Cancel one")).to_be_visible()
    page.keyboard.press("Escape")
    page.locator("body").click(position={"x": 5, "y": 300})
    expect(page.locator("#waiting")).to_contain_text("25 of 50")
    visitor.context.close()


def test_arrow_keys_lead_to_the_neighbours(browser: Browser, site: Site) -> None:
    visitor = Visitor(browser, site)
    page = visitor.page
    page.goto("/batches/1/1/1")
    for key, leads_to in (
        ("ArrowRight", "1/2"),
        ("ArrowDown", "2/2"),
        ("ArrowLeft", "2/1"),
        ("ArrowUp", "1/1"),
    ):
        page.keyboard.press(key)
        expect(page).to_have_url(f"{site.address}/batches/1/{leads_to}")
        page.wait_for_load_state()  # until then nobody listens for keys
    visitor.context.close()


def test_without_a_script_all_is_there_and_can_be_done(browser: Browser, own_site: Site) -> None:
    batch = own_site.queue.submit(["the sea"], seeds=range(3), batch="one").batch
    assert batch
    visitor = Visitor(browser, own_site, java_script_enabled=False)
    page = visitor.page
    page.get_by_role("button", name="Pause one").click()
    expect(page.get_by_role("status")).to_contain_text("one is paused")
    assert batch.status().state == "paused"
    page.get_by_role("link", name="one", exact=True).click()
    page.locator("summary").click()
    page.get_by_role("button", name="High priority one").click()
    assert batch.status().priority == "high"
    page.get_by_label("Where").fill("seed > 1")
    page.get_by_role("button", name="Find").click()
    expect(page).to_have_url(re.compile("where=seed"))
    visitor.context.close()


def test_the_page_that_opens_a_browser_leads_to_the_queue(
    browser: Browser, site: Site, tmp_path: Path
) -> None:
    page = browser.new_context().new_page()
    page.goto(opening_page(tmp_path, f"{site.address}/?token={TOKEN}").as_uri())
    expect(page.get_by_role("link", name="night").first).to_be_visible()
    expect(page).to_have_url(f"{site.address}/")
    page.context.close()


def test_who_has_no_token_may_paste_it(browser: Browser, site: Site) -> None:
    context = browser.new_context(base_url=site.address)
    page = context.new_page()
    page.goto("/batches/1")
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("link", name="night").first).to_be_visible()
    context.close()
