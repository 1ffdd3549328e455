"""From the form to the pictures, in a browser, while a worker draws the demo model."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.acceptance.program import Program
from tests.api.drawing import draw
from tests.translations import with_translations
from tests.web.browser import Visitor
from tests.web.site import Site

_LONG_MS = 60_000
_DROPPED = """() => {
  const dropped = new DataTransfer();
  dropped.items.add(new File(["prompt,steps\\na red boat,1\\n"], "boats.csv"));
  return dropped;
}"""


@pytest.fixture
def program(tmp_path: Path, translations: Path) -> Iterator[Program]:
    opened = Program(with_translations(tmp_path / "home", translations))
    yield opened
    opened.close()


def test_who_submits_watches_the_pictures_come_cancels_and_retries(
    browser: Browser, program: Program
) -> None:
    program.redis.ensure_running()
    site = Site(program.home, program.redis.url)
    site.queue.submit(["a stone"], seeds=range(3), steps=1, batch="before")
    draw(site.queue, failing=frozenset({1}))
    program.start("worker", "--quiet")
    visitor = Visitor(browser, site)
    page = visitor.page
    page.get_by_role("link", name="Submit").click()
    page.get_by_label("Prompts").fill("a lighthouse --steps 0")
    page.get_by_role("button", name="See the plan").click()
    expect(page.get_by_role("alert")).to_contain_text("line 1: ")
    page.get_by_label("Prompts").fill("a lighthouse --steps 1")
    dropped = page.evaluate_handle(_DROPPED)
    page.dispatch_event("[data-drop]", "drop", {"dataTransfer": dropped})
    expect(page.locator("[data-chosen]")).to_have_text("boats.csv")
    page.get_by_label("Images of each prompt").fill("1000")
    page.get_by_label("Batch").fill("evening")
    page.get_by_role("button", name="Plan again").click()
    expect(page.locator("#plan")).to_contain_text("evening: 2,000 images")
    page.get_by_role("button", name="Queue 2,000 images").dblclick()
    expect(page.get_by_role("status")).to_have_text("evening is queued.")
    expect(page.locator(".tile img").first).to_be_visible(timeout=_LONG_MS)
    page.locator("summary").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".standing")).to_contain_text("cancelled")

    page.goto("/batches/before")
    page.get_by_role("button", name="Retry failed").click()
    expect(page.locator(".standing")).to_contain_text(re.compile("3 of 3"), timeout=_LONG_MS)
    assert {batch.name: batch.status().total for batch in site.queue.batches()} == {
        "before": 3,
        "evening": 2000,
    }
    assert [said for said in visitor.complaints if "400" not in said] == []
    visitor.context.close()
    site.close()
