"""Comparing: what stands beside what, what is marked as different, and the slider."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from sdq_core.models import DEMO, ModelStore
from sdq_core.values.variants import AttentionImplementation
from tests.api.drawing import draw
from tests.web.browser import Visitor
from tests.web.site import Site
from tests.web.test_pages import _change, page, sources


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Iterator[Site]:
    """Three batches: the second has other steps and one prompt less, in another order; the third has nothing alike."""
    site = Site(tmp_path_factory.mktemp("compared") / "home", redis_url)
    prompts = ["the <sea>", "a red house", "a tent"]
    site.queue.submit(prompts, seeds=range(3), batch="night")
    site.queue.submit(prompts[1::-1], seeds=range(1, 3), batch="day", num_inference_steps=7)
    site.queue.submit(["else"], seeds=[0], batch="other")
    draw(site.queue)
    yield site
    site.close()


def test_batches_are_compared_by_prompt_and_seed(drawn: Site) -> None:
    text = page(drawn, "/compare?batches=1,2")
    assert "the &lt;sea&gt;" in text
    groups = re.findall(r'href="/compare\?images=(\d+),(\d+)#slider"', text)
    assert len(groups) == 4  # two prompts with two seeds in common
    assert len(sources(text)) == 9 + 4
    assert text.count('<span class="word">none</span>') == 2 + 3  # a seed, and a prompt
    assert "Not in B." in text
    assert re.search(r'<tbody class="differs">\s*<tr><th scope="row">Steps</th>', text)
    assert "The same: model demo" in text
    assert text.count("<b>same pixels</b>") == 4
    assert "none of these prompts" in page(drawn, "/compare?batches=1&batches=3")
    ledger = drawn.app.state.sources.ledger
    one, other = groups[0]
    assert ledger.browsing.place(int(one)) == (1, 1, 1)
    assert ledger.browsing.place(int(other)) == (2, 2, 1)


def test_images_are_compared_field_by_field(drawn: Site) -> None:
    text = page(drawn, "/compare?images=night/1/1,day/2/1,night/2/1")
    assert "Different prompts" in text
    differs, alike = text.split('<tbody class="alike">')
    for field in ("Prompt", "Steps"):
        assert f'<tr><th scope="row">{field}</th>' in differs
    for field in ("Seed", "Scheduler", "Machine"):
        assert f'<tr><th scope="row">{field}</th>' in alike
    assert text.count("same pixels as A") == 2
    assert len(sources(text, r"/i/[^\"]+")) == 3
    _change(drawn, "UPDATE images SET nsfw_flagged = 1 WHERE id = 1")
    assert len(sources(page(drawn, "/compare?images=1,2"), r"/i/[^\"]+")) == 1
    assert len(sources(page(drawn, "/compare?images=1,2&reveal"), r"/i/[^\"]+")) == 2
    _change(drawn, "UPDATE images SET nsfw_flagged = 0 WHERE id = 1")


def test_of_one_image_or_batch_the_page_offers_what_to_compare_it_with(drawn: Site) -> None:
    image = page(drawn, "/batches/1/1/1")
    asked = re.search(r'href="(/compare\?images=(\d+))"', image)
    assert asked
    text = page(drawn, asked[1])
    same, seeds = text.split("Other seeds of this prompt")
    assert re.findall(rf'images={asked[2]},\d+#slider"', same)
    assert "day/2" in same
    assert "steps 7" in same
    assert len(re.findall(rf'images={asked[2]},\d+#slider"', seeds)) == 2
    assert 'href="/compare?batches=1"' in page(drawn, "/batches/1")
    text = page(drawn, "/compare?batches=1")
    assert "Compare night with" in text
    assert re.findall(r'value="(\d)" checked', text) == ["1"]


def test_a_model_by_its_name_and_by_its_path_has_one_revision(own_site: Site) -> None:
    demo = ModelStore(own_site.settings.models).find(DEMO, AttentionImplementation.ORIGINAL)
    folder = own_site.settings.models / "mine_original_packages"
    shutil.copytree(demo.parts["unet"].parent, folder)
    shutil.copytree(demo.tokenizer, folder / "tokenizer")
    shutil.copytree(demo.scheduler_config.parent, folder / "scheduler")
    for batch, model in (("name", "mine"), ("path", str(folder))):
        own_site.queue.submit(["a tent"], batch=batch, model=model)
    draw(own_site.queue)
    assert "model mine" in page(own_site, "/compare?images=path/1/0")


def test_what_cannot_be_compared_is_said(drawn: Site, own_site: Site) -> None:
    assert "Choose two to 4" in page(drawn, "/compare?batches=1,2,3,4,5", 400)
    for asked in ("images=night/9/9,1", "images=4000,1", "images=x", "batches=nobody,1"):
        assert 'role="alert"' in page(drawn, f"/compare?{asked}", 404)
    assert "nothing to compare yet" in page(own_site, "/compare")
    assert "Nothing was submitted" in page(own_site, "/compare?images=1,2", 404)


def test_the_slider_moves_by_keys_and_shows_any_two(browser: Browser, drawn: Site) -> None:
    visitor = Visitor(browser, drawn)
    at = visitor.page
    at.goto("/compare?images=1,2,3")
    shots = at.locator("#shots")
    expect(at.locator(".shot:visible")).to_have_count(3)
    at.get_by_text("Slider", exact=True).click()
    expect(at.locator(".shot:visible")).to_have_count(2)
    at.get_by_label("Where the left image ends").press("ArrowLeft")
    expect(shots).to_have_css("--at", "49.5%")
    at.get_by_role("group", name="Right").get_by_text("C").click()
    expect(at.locator(".shot.right")).to_have_attribute("data-letter", "C")
    at.get_by_text("Difference", exact=True).click()
    expect(at).to_have_url(re.compile("#difference$"))
    at.goto("/compare?images=night/1/1,day/2/1#slider")
    at.keyboard.press("ArrowRight")
    expect(shots).to_have_css("--at", "52%")
    at.keyboard.press("j")
    expect(at).to_have_url(re.compile(r"images=\d+,\d+#slider$"))
    expect(at.locator(".kicker")).to_contain_text("seed 2")
    at.set_viewport_size({"width": 360, "height": 800})
    wide = "document.documentElement.scrollWidth"
    assert at.evaluate(wide) == 360
    at.goto("/compare?batches=1,2")
    assert at.evaluate(wide) == 360
    assert visitor.complaints == []
    visitor.context.close()


def test_without_a_script_a_form_compares_side_by_side(browser: Browser, drawn: Site) -> None:
    visitor = Visitor(browser, drawn, java_script_enabled=False)
    at = visitor.page
    at.goto("/compare?batches=1")
    at.get_by_label("day").check()
    at.get_by_role("button", name="Compare batches").click()
    at.get_by_role("link", name="compare seed 1").first.click()
    expect(at.locator(".shot:visible")).to_have_count(2)
    expect(at.get_by_text("Slider")).to_be_hidden()
    at.get_by_label("Each as").fill("night/1/0, night/1/1")
    at.get_by_role("button", name="Compare images").click()
    expect(at.locator(".shot")).to_have_count(2)
    visitor.context.close()
