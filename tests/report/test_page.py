"""The page: self-contained, accessible, and with the ledger's numbers, whatever the prompts hold."""

from __future__ import annotations

import base64
import io
import re
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from PIL import Image, ImageChops

import sdq.views.report.page
from db.values import BatchState
from tests.ledger.nights import EVENING, draw
from tests.ledger.plans import ENGINE, VARIANT, plan
from tests.report.conftest import Home
from tests.report.html import Element, check, read_page, table_of

STYLE = Path(sdq.views.report.page.__file__).with_name("page.css").read_text(encoding="utf-8")

HOSTILE = [
    "<script>alert('x')</script>",
    '"><img src=http://example.org/x onerror=alert(1)>',
    "</style></title><!-- & &amp; &lt;b&gt;",
    "灯台と海 \U0001f5fc منارة",
    "a\x00b\x1b[2J \u202e turned \u2066",
]


def figures(page: Element) -> dict[str, str]:
    listed = page.one("dl", class_="figures")
    return {
        entry.one("dt").text: next(c for c in entry.one("dd").children if isinstance(c, str))
        for entry in listed.all("div")
    }


def test_the_page_has_the_ledgers_numbers(home: Home) -> None:
    home.ledger.submissions.add(plan(["a lighthouse", "a tent"], range(30), name="night"))
    draw(home.ledger, "night", "D" * 28 + "Fs" + "DnDrD" * 6, every_s=600, store=home.store)
    page = read_page(home.page("night"))
    check(page)
    status = home.ledger.batches.find("night")
    assert status is not None
    assert page.one("h1").text == "59 of 60 images are drawn, 1 failed."
    assert page.one("p", class_="when").text == (
        "Sun 1 Mar 2026 22:00 to Mon 2 Mar 07:50 CET (UTC+01:00), 9 h 50 min"
    )
    shown = figures(page)
    assert (shown["Drawn"], shown["Failed"]) == (f"{status.completed}", f"{status.failed}")
    assert shown["Images per hour"] == "5.9"
    assert "Left" not in shown

    rows = table_of(page, "throughput")
    assert [row[0] for row in rows] == [f"{hour % 24:02d}:00" for hour in range(22, 32)]
    assert sum(int(row[1]) for row in rows) == 59
    assert sum(int(row[2] or 0) for row in rows) == 1
    chart = page.one("svg", class_="throughput")
    counts = [re.search(r": (\d+) image", title.text) for title in chart.all("title")]
    assert sum(int(found[1]) for found in counts if found) == 59
    assert len(chart.all("rect", class_="failed")) == 1

    drawn = list(home.ledger.batches.images("night"))
    pictures = page.all("img")
    assert len(pictures) == 48
    assert {picture.attributes["alt"] for picture in pictures} >= {"a lighthouse", "a tent"}
    stages = {row[0]: row for row in table_of(page, "stages")}
    denoise_ms = sum(image.image.denoise_ms for image in drawn)
    assert stages["Denoise"][2] == f"{denoise_ms / 59:.0f} ms"
    assert stages["Denoise"][3] == f"{denoise_ms / 1000:.1f} s"
    ((images, _, command),) = table_of(page, "causes")
    assert (images, command) == ("1", "sdq retry night")
    assert table_of(page, "failed")[0][0] == "prompt 1 · seed 28"
    assert table_of(page, "slowest")[0][0] == "night/00001/00001-29.png"
    assert len(table_of(page, "flagged")) == 6
    assert "6 images needed more than one attempt" in page.one("p", class_="remarks").text


def test_what_prompts_and_errors_hold_is_text(home: Home) -> None:
    name = "<b>night</b> & 'day'"
    home.ledger.submissions.add(plan(HOSTILE, range(3), name=name))
    draw(home.ledger, name, "D" * 14, store=home.store)
    (ref,) = home.ledger.work.open_slices()
    slice_ = home.ledger.work.load_slice(ref.id)
    assert slice_ is not None
    home.ledger.work.record_failure(
        slice_.recipe_id,
        2,
        slice_id=slice_.id,
        engine_id=home.ledger.work.register_engine(ENGINE),
        error="</td></table><script>evil()</script>",
        final=True,
    )
    home.ledger.work.finish_slice(slice_.id)
    home.ledger.variants.pause(VARIANT, "<i>10 images</i> failed")
    text = home.page(name)
    page = read_page(text)
    check(page)
    assert not page.all("b")
    assert not page.all("i")
    assert page.one("p", class_="kicker").text == name
    shown = {span.text for span in page.one("ul", class_="sheet").all("span", class_="prompt")}
    assert shown == {*HOSTILE[:4], "a\\x00b\\x1b[2J \\u202e turned \\u2066"}
    assert table_of(page, "causes")[0][1] == "</td></table><script>evil()</script>"
    assert "sdq retry '<b>night</b> & '\"'\"'day'\"'\"''" in {c.text for c in page.all("code")}
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", text)


def test_all_batches_since_a_time(home: Home) -> None:
    home.ledger.submissions.add(plan(["a"], range(8), name="early"))
    draw(home.ledger, "early", "DDDDDDDD", begin=EVENING - timedelta(hours=5), store=home.store)
    home.ledger.submissions.add(plan(["b"], range(8), name="late"))
    draw(home.ledger, "late", "DDDDDF", store=home.store)
    home.ledger.submissions.add(plan(["c"], range(5), name="next"))
    page = read_page(home.page("--since", "2026-03-01T22:00"))
    check(page)
    # With the year, from the next one on.
    said = r"5 images were drawn since Sun 1 Mar( 2026)? 22:00, and 1 failed\."
    assert re.fullmatch(said, page.one("h1").text)
    rows = {row[0]: row[1:] for row in table_of(page, "batches")}
    # The first batch was submitted just now, by this test.
    assert rows == {
        "early": ["completed", "0", "0", "0", "8"],
        "late": ["in progress", "5", "1", "2", "8"],
        "next": ["queued", "0", "0", "5", "5"],
    }
    assert figures(page)["Left"] == "7"
    assert page.one("ul", class_="sheet").all("small")[0].text == "late · prompt 1 · seed 0"


@pytest.mark.parametrize(
    ("endings", "state", "headline"),
    [
        ("", "active", "Nothing is drawn yet of 6 images."),
        ("FFFFFF", "active", "All 6 images failed."),
        ("DDDDDD", "active", "All 6 images are drawn."),
        ("DF", "active", "1 of 6 images are drawn so far, 1 failed."),
        ("D", "paused", "1 of 6 images are drawn so far. The batch is paused."),
        ("DD", "cancelled", "2 of 6 images are drawn so far. The batch is cancelled."),
    ],
)
def test_every_state_of_a_batch_has_a_page(
    home: Home, endings: str, state: str, headline: str
) -> None:
    home.ledger.submissions.add(plan(["a", "b"], range(3), name="night"))
    draw(home.ledger, "night", endings, store=home.store)
    home.ledger.batches.set_state("night", BatchState(state))
    page = read_page(home.page("night"))
    check(page)
    assert page.one("h1").text == headline
    assert figures(page)["Drawn"] == str(endings.count("D"))
    assert figures(page).get("Cancelled") == ("4" if state == "cancelled" else None)
    assert ("Left" in figures(page)) == (state != "cancelled" and len(endings) < 6)
    assert len(page.all("img")) == endings.count("D")
    commands = [code.text for code in page.all("code")]
    assert ("sdq worker" in commands) == (state == "active" and len(endings) < 6)
    assert ("sdq resume night" in commands) == (state == "paused")
    assert ("sdq retry night" in commands) == ("F" in endings)


def test_one_image_has_a_page(home: Home) -> None:
    home.ledger.submissions.add(plan(["a"], [7], name="one"))
    draw(home.ledger, "one", "D", store=home.store)
    page = read_page(home.page("one"))
    check(page)
    assert page.one("h1").text == "The image is drawn."
    assert not page.all("svg", class_="throughput")
    assert "Images per hour" not in figures(page)


def test_flagged_pictures_are_hidden_and_unreadable_ones_are_named(home: Home) -> None:
    home.ledger.submissions.add(plan(["a"], range(3), name="night"))
    home.picture = noise(300, 200)
    draw(home.ledger, "night", "DnD", store=home.store)
    (home.folder / "outputs" / "night" / "00001" / "00001-2.png").write_bytes(b"no picture")
    page = read_page(home.page("night"))
    check(page)
    clear, hidden = page.all("img")
    assert hidden.attributes["alt"] == "Hidden, as the safety checker flagged it: a"
    assert page.one("p", class_="unreadable")
    assert steepness(hidden) < steepness(clear) / 3


def noise(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((width, height), 200).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


def steepness(element: Element) -> float:
    """Return the greatest difference between neighbours in the picture of an element."""
    data = base64.b64decode(element.attributes["src"].partition(",")[2])
    picture = Image.open(io.BytesIO(data)).convert("L")
    assert picture.size == (256, 171)
    difference = ImageChops.difference(picture, ImageChops.offset(picture, 6, 0))
    return float(difference.crop((6, 0, *picture.size)).getextrema()[1])


def test_without_the_output_folder_the_page_says_so(home: Home) -> None:
    home.ledger.submissions.add(plan(["a"], range(3), name="night"))
    draw(home.ledger, "night", "DDD", store=home.store)
    shutil.rmtree(home.folder / "outputs")
    page = read_page(home.page("night"))
    check(page)
    assert not page.all("img")
    assert "is no longer there" in page.one("p", class_="empty").text


def test_a_page_stays_small(home: Home) -> None:
    home.ledger.submissions.add(plan([f"{i}" * 1000 for i in range(60)], range(2), name="night"))
    home.picture = noise(300, 300)
    draw(home.ledger, "night", "DF" * 60, store=home.store)
    assert len(home.page("night")) < 2_500_000


def colours(block: str) -> dict[str, str]:
    return dict(re.findall(r"--(\w+): (#[0-9a-f]{3,6});", block))


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    channels = (int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("number", [0, 1, 2], ids=["light", "dark", "print"])
def test_colours_have_contrast(number: int) -> None:
    """WCAG 2.2 AA: 4.5 for text, 3 for what a chart is made of."""
    blocks = [colours(block) for block in re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)]
    assert len(blocks) == 3
    scheme = blocks[number]
    for text in ("ink", "soft", "failed"):
        assert contrast(scheme[text], scheme["paper"]) >= 4.5
    assert contrast(scheme["ink"], scheme["well"]) >= 4.5
    for ground in ("paper", "track"):
        assert contrast(scheme["done"], scheme[ground]) >= 3
        assert contrast(scheme["soft"], scheme[ground]) >= 3
