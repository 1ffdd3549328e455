"""Favourites and rejected images: buttons without a script, and keys with one."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from db.values import Mark
from tests.api.drawing import draw
from tests.web.browser import Visitor
from tests.web.site import BEARER, Site

PAGE = BEARER | {"Accept": "text/html"}


def marks(site: Site) -> dict[int, str]:
    """The marks of the images of the first prompt, by seed."""
    images = site.queue.batch("one").images()
    found = {image.seed: image.record for image in images if image.entry == 1}
    return {
        seed: mark for seed, row in found.items() for mark in ("favourite", "rejected") if row[mark]
    }


def press(site: Site, address: str, referer: str = "") -> str:
    """Press a button without a script; return where that leads."""
    answer = site.ask(address, "POST", PAGE | ({"Referer": referer} if referer else {}))
    assert answer.status == 303, answer.text
    return answer.headers["location"]


def test_buttons_mark_an_image_and_lead_back_to_it(own_site: Site) -> None:
    own_site.queue.submit(["a", "b"], seeds=range(3), batch="one")
    draw(own_site.queue, failing=frozenset({2}))
    text = own_site.ask("/batches/1", headers=PAGE).text
    assert text.count('formaction="/batches/1/1/0/favourite"') == 1
    assert "/batches/1/1/2/favourite" not in text  # it failed
    page = f"{own_site.address}/batches/1?entry=1"
    assert press(own_site, "/batches/1/1/0/favourite", page) == "/batches/1?entry=1#t-1-1-0"
    assert press(own_site, "/batches/1/1/1/reject") == "/batches/1/1/1"
    assert marks(own_site) == {0: "favourite", 1: "rejected"}
    text = own_site.ask("/batches/1/1/0", headers=PAGE).text
    assert 'aria-pressed="true"' in text
    for address, shown in (
        ("?view=favourites", "t-1-1-0"),
        ("?view=rejected", "t-1-1-1"),
        ("?where=not+rejected+and+entry+%3D+1", "t-1-1-0"),
    ):
        text = own_site.ask(f"/batches/1{address}", headers=PAGE).text
        assert re.findall(r'id="(t-[\d-]+)"', text) == [shown]
    assert own_site.post("/batches/1/1/0/unmark").status == 204  # a script needs no page
    assert marks(own_site) == {1: "rejected"}
    assert "No favourites yet" in own_site.ask("/batches/1?view=favourites", headers=PAGE).text


def test_only_what_is_finished_is_marked_and_nothing_leads_elsewhere(own_site: Site) -> None:
    own_site.queue.submit(["a"], seeds=range(3), batch="one")
    draw(own_site.queue, failing=frozenset({1}))
    for path in ("1/1/1/favourite", "1/1/9/reject", "1/1/0/praise", "7/1/0/favourite"):
        assert own_site.post(f"/batches/{path}").status == 404, path
    for referer in ("https://evil.example//evil.example/x", "http://[", "//evil.example"):
        where = press(own_site, "/batches/1/1/0/favourite", referer)
        assert re.match(r"/(?!/)", where), where


def test_a_read_only_server_shows_marks_and_takes_none(tmp_path: Path, redis_url: str) -> None:
    site = Site(tmp_path / "home", redis_url, read_only=True)
    try:
        site.queue.submit(["a"], seeds=range(2), batch="one")
        draw(site.queue)
        site.app.state.sources.ledger.marks.set(1, Mark.FAVOURITE)
        assert site.post("/batches/1/1/1/favourite").status == 403
        for path in ("/", "/batches/1", "/batches/1?view=newest", "/batches/1/1", "/batches/1/1/0"):
            text = site.ask(path, headers=PAGE).text
            assert "data-mark=" not in text
            assert 'class="pick favourite"' in text
    finally:
        site.close()


def keys(page: Page, *pressed: str) -> None:
    for key in pressed:
        page.keyboard.press(key)


def test_keys_go_from_picture_to_picture_select_and_mark(browser: Browser, own_site: Site) -> None:
    own_site.queue.submit(["a", "b"], seeds=range(3), batch="one")
    draw(own_site.queue)
    visitor = Visitor(browser, own_site)
    page = visitor.page
    page.goto("/batches/1")
    keys(page, "j", "ArrowRight", "f", "ArrowDown", "ArrowUp", "j", "x")
    expect(page.locator("#t-1-1-2 .tile")).to_be_focused()
    expect(page.locator("#t-1-1-2 [data-mark=rejected]")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#news")).to_have_text("Rejected.")
    keys(page, "c")
    expect(page.locator("#news")).to_contain_text("Select two to four")
    keys(page, " ", "j", " ", "j", " ", "Escape", "k", " ", "k", " ")
    expect(page.locator("#chosen")).to_contain_text("2 selected")
    expect(page.get_by_role("link", name="selected")).to_have_count(2)
    # A field takes its letters.
    page.get_by_label("Where").fill("")
    page.get_by_label("Where").press_sequentially("fx?j c")
    expect(page.get_by_label("Where")).to_have_value("fx?j c")
    page.locator("#t-1-1-0 .tile").focus()
    # Another window follows what is marked here.
    other = visitor.context.new_page()
    other.goto("/batches/1")
    expect(other.locator("#connection")).to_have_text("live")
    keys(page, "?", "f")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    keys(page, "Escape", "c")
    expect(page).to_have_url(re.compile(r"/compare\?images=3,4$"))
    page.goto("/batches/1/1/1")
    expect(page.get_by_role("button", name="Favourite")).to_have_attribute("aria-pressed", "true")
    with page.expect_response("**/unmark"):
        keys(page, "f")
    expect(other.locator("#t-1-1-1 [data-mark=favourite]")).to_have_attribute(
        "aria-pressed", "false"
    )
    keys(page, "j")
    expect(page).to_have_url(f"{own_site.address}/batches/1/1/2")
    assert marks(own_site) == {2: "rejected"}
    page.get_by_role("button", name="Keys").click()
    page.get_by_label("Turn the letters off").check()
    keys(page, "Escape", "x")
    page.reload()
    expect(page.get_by_role("button", name="Reject")).to_have_attribute("aria-pressed", "true")
    visitor.context.close()


def test_a_mark_that_is_not_kept_is_not_shown_as_one(browser: Browser, own_site: Site) -> None:
    own_site.queue.submit(["a"], seeds=range(2), batch="one")
    draw(own_site.queue)
    visitor = Visitor(browser, own_site)
    page = visitor.page
    page.goto("/batches/1/1/0")
    own_site.app.state.sources.ledger.upkeep.take_back([(1, 0)])
    page.get_by_role("button", name="Favourite").click()
    expect(page.get_by_text("not finished")).to_be_visible()
    visitor.context.close()
