"""Night: the report in a page."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.api.drawing import draw
from tests.web.browser import Visitor
from tests.web.forms import PAGE
from tests.web.site import Site


def test_night_says_what_the_report_says(site: Site) -> None:
    text = site.ask("/night?since=1d", headers=PAGE).text
    assert "18 images were drawn since" in text
    assert ", and 2 failed." in text
    assert "<code>sdq retry night</code>" in text
    assert '<a href="/batches/1" dir="auto">night</a>' in text
    assert len(re.findall(r'src="/t/[^"]+"', text)) == 18
    assert "the sea &lt;at&gt; night" in text
    assert "<at>" not in text
    part = site.ask("/night?since=1d&part", headers=PAGE).text
    assert ("<html" not in part, "18 images" in part) == (True, True)
    of_batch = site.ask("/night?batch=1", headers=PAGE).text
    assert "18 of 20 images are drawn, 2 failed." in of_batch
    saved = site.ask("/night.html?batch=1", headers=PAGE)
    assert "attachment" in saved.headers["content-disposition"]
    assert (saved.text.count("data:image/"), 'src="/' in saved.text) == (18, False)


def test_a_time_that_is_none_is_said_beside_it(site: Site) -> None:
    for since in ("yesterday", "2999-01-01", "%ff", "9" * 500):
        answer = site.ask(f"/night?since={since}", headers=PAGE)
        assert (answer.status, 'aria-invalid="true"' in answer.text) == (400, True), since
    assert site.ask("/night?batch=99", headers=PAGE).status == 404
    assert site.ask("/night.html?since=x", headers=PAGE).status == 400


def test_a_night_without_anything_is_a_sentence(own_site: Site) -> None:
    assert "Nothing was submitted yet" in own_site.ask("/night", headers=PAGE).text
    assert not own_site.queue.home.exists()
    own_site.queue.submit(["a"], batch="one")
    assert "Nothing was drawn since" in own_site.ask("/night", headers=PAGE).text


def test_night_follows_what_is_drawn(
    browser: Browser, own_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sdq.web.pages.night._FRESH_S", 0.5)
    own_site.queue.submit(["a sea"], seeds=range(30), batch="one")
    visitor = Visitor(browser, own_site)
    page = visitor.page
    page.goto("/night?since=1h")
    expect(page.locator("h1")).to_contain_text("Nothing was drawn")
    expect(page.locator("#connection")).to_have_text("live")
    draw(own_site.queue, slices=1)
    expect(page.locator("h1")).to_contain_text("25 images were drawn", timeout=30_000)
    expect(page.locator("#news")).to_contain_text("25 images were drawn")
    expect(page.locator(".sample img").first).to_be_visible()
    assert visitor.complaints == []
    visitor.context.close()
