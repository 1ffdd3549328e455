"""The pages without a script: what they show, and what their buttons do."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import replace
from pathlib import Path

from PIL import Image

from sdq_core.queue.connection import connect
from sdq_core.queue.in_hand import InHand
from sdq_core.queue.previews import Preview
from sdq_core.queue.queues import Queues
from sdq_core.queue.server import RedisServer
from tests.api.drawing import draw
from tests.web.site import BEARER, Answer, Site

PAGE = BEARER | {"Accept": "text/html"}


def page(site: Site, path: str, status: int = 200) -> str:
    answer = site.ask(path, headers=PAGE)
    assert answer.status == status, (path, answer.text)
    return answer.text


def await_text(site: Site, path: str, wanted: str) -> str:
    deadline = time.monotonic() + 20
    while wanted not in (text := page(site, path)):
        assert time.monotonic() < deadline, text
    return text


def sources(text: str, pattern: str = r"/t/[^\"]+") -> list[str]:
    return re.findall(f'src="({pattern})"', text)


def test_an_empty_queue_says_how_to_begin_and_makes_nothing(own_site: Site) -> None:
    assert "sdq submit prompts.txt" in page(own_site, "/")
    assert "none yet" in page(own_site, "/batches")
    page(own_site, "/batches/1", 404)
    assert not (own_site.queue.home / "sdq.db").exists()


def test_the_queue_shows_batches_failures_and_the_newest_pictures(site: Site) -> None:
    text = page(site, "/")
    assert "Nothing to draw" in text
    assert '<a href="/batches/1" dir="auto">night</a>' in text
    assert "18 of 20" in text
    assert "2 failed" in text
    assert "<code>NaN</code>" in text
    assert len(sources(text)) == 18


def test_a_batch_has_prompts_down_and_seeds_across(site: Site) -> None:
    text = page(site, "/batches/1")
    assert "the sea &lt;at&gt; night &amp; &#34;rain&#34;" in text
    assert "<at>" not in text
    assert len(sources(text)) == 14  # eight seeds of each prompt, of which one failed
    assert len(re.findall(r"<tbody>", text)) == 2
    assert 'href="/batches/1/2">All its seeds' in text
    text = page(site, "/batches/1/2")
    assert len(sources(text)) == 9
    page(site, "/batches/1/3", 404)


def test_a_batch_is_found_by_its_name(site: Site) -> None:
    answer = site.ask("/batches/night", headers=PAGE)
    assert (answer.status, answer.headers["location"]) == (303, "/batches/1")
    page(site, "/batches/nobody", 404)


def test_pages_go_on_behind_a_prompt_and_behind_an_image(own_site: Site) -> None:
    own_site.queue.submit([f"a {number}" for number in range(130)], batch="many")
    draw(own_site.queue)
    text, entries = page(own_site, "/batches/1"), []
    while True:
        entries += re.findall(r'id="t-1-(\d+)-0"', text)
        following = re.search(r'rel="next" href="([^"]+)"', text)
        if following is None:
            break
        text = page(own_site, following[1])
    assert list(map(int, entries)) == list(range(1, 131))
    former = re.search(r'rel="prev" href="([^"]+)"', text)
    assert former
    assert former[1] == "/batches/1?entry=61"
    for first in ("/batches/1?view=newest", "/batches/1?where=entry+%3E+3+and+entry+%21%3D+9"):
        text, seen = page(own_site, first), []
        while True:
            seen += re.findall(r'id="t-1-(\d+)-0"', text)
            following = re.search(r'rel="next" href="([^"]+)"', text)
            if following is None:
                break
            text = page(own_site, following[1].replace("&amp;", "&"))
        found = list(map(int, seen))
        if "newest" in first:
            assert found == list(range(130, 0, -1))
        else:
            assert found == [n for n in range(4, 131) if n != 9]


def test_a_condition_chooses_images_and_a_mistake_in_it_is_said_beside_it(site: Site) -> None:
    text = page(site, "/batches/1?where=seed+%3E+7+and+prompt+~+%27house%27")
    assert re.findall(r'id="t-1-2-(\d)"', text) == ["8", "9"]
    assert "No finished image is like that" in page(site, "/batches/1?where=seed+%3E+70")
    text = page(site, "/batches/1?where=nothing+%3E+", 400)
    assert 'aria-invalid="true"' in text
    assert 'role="alert"' in text


def test_an_image_shows_itself_its_record_and_its_neighbours(site: Site) -> None:
    text = page(site, "/batches/1/1/2")
    assert len(sources(text, r"/i/[^\"]+\.png")) == 1
    file = site.queue.outputs / "night" / "00001" / "00001-2.png"
    assert f"sdq rerun {file}" in text
    for key, to in (("Left", "1/1"), ("Right", "1/3"), ("Down", "2/2")):
        assert f'href="/batches/1/{to}" data-key="Arrow{key}"' in text
    assert "ArrowUp" not in text
    assert "Failed: NaN" in page(site, "/batches/1/1/3")
    page(site, "/batches/1/1/10", 404)


def test_pictures_are_kept_by_browsers_for_ever(site: Site) -> None:
    thumbnail = sources(page(site, "/batches/1"))[0]
    whole = sources(page(site, "/batches/1/1/0"), r"/i/[^\"]+")[0]
    for address, kind in ((thumbnail, "image/webp"), (whole, "image/png")):
        answer = site.ask(address)
        assert (answer.status, answer.headers["content-type"]) == (200, kind)
        assert "immutable" in answer.headers["cache-control"]
        again = site.ask(address, headers=BEARER | {"If-None-Match": answer.headers["etag"]})
        assert (again.status, again.body) == (304, b"")
    assert site.ask(thumbnail).body == site.ask(thumbnail).body
    kept = list((site.settings.cache / "thumbs").rglob("*.webp"))
    assert len(kept) == 1  # all images of this site have the same pixels


def test_a_file_that_was_cut_short_is_not_kept_for_ever(own_site: Site) -> None:
    own_site.queue.submit(["a"], seeds=[1], batch="one")
    draw(own_site.queue)
    (address,) = sources(page(own_site, "/batches/1/1/1"), r"/i/[^\"]+")
    (file,) = own_site.queue.outputs.rglob("*.png")
    whole = file.read_bytes()
    file.write_bytes(whole[:100])
    assert own_site.ask(address).headers["cache-control"] == "no-store"
    file.write_bytes(whole)
    assert "immutable" in own_site.ask(address).headers["cache-control"]


def test_many_thumbnails_at_once_are_each_made(site: Site) -> None:
    addresses = sources(page(site, "/batches/1/2"))
    answers: list[Answer] = []
    threads = [
        threading.Thread(target=lambda at=address: answers.append(site.ask(at)))
        for address in addresses
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status for answer in answers] == [200] * len(addresses)


def test_flagged_pictures_show_their_colours_until_they_are_asked_for(own_site: Site) -> None:
    own_site.queue.submit(["a"], seeds=[1], batch="one")
    draw(own_site.queue)
    _change(own_site, "UPDATE images SET nsfw_flagged = 1")
    text = page(own_site, "/batches/1/1/1")
    assert not sources(text, r"/i/[^\"]+")
    assert sources(page(own_site, "/batches/1/1/1?reveal"), r"/i/[^\"]+")
    address = sources(text)[0]
    assert own_site.ask(address).body != own_site.ask(f"{address}?clear").body


def test_a_row_that_leads_out_of_the_outputs_shows_nothing(own_site: Site, tmp_path: Path) -> None:
    own_site.queue.submit(["a"], seeds=[1], batch="one")
    draw(own_site.queue)
    address = sources(page(own_site, "/batches/1/1/1"), r"/i/[^\"]+")[0]
    identity = address.split("/")[2]
    Image.new("RGB", (9, 9)).save(tmp_path / "secret.png")
    (own_site.queue.outputs / "one" / "link.png").symlink_to(tmp_path / "secret.png")
    for path in ("../../secret.png", "/etc/hostname", "one/link.png", "one", "x\0"):
        _change(own_site, "UPDATE images SET path = ?", path)
        for asked in (address, f"/t/{identity}/{'cd' * 32}.webp"):
            assert own_site.ask(asked).status == 404, path


def test_buttons_do_what_the_commands_of_their_names_do(own_site: Site) -> None:
    batch = own_site.queue.submit(["a"], seeds=range(3), batch="one").batch
    assert batch
    draw(own_site.queue, failing=frozenset({1}))
    own_site.queue.submit(["a"], seeds=range(9), batch="one")

    def press(action: str, more: str = "") -> str:
        answer = own_site.post(f"/batches/{batch.id}/{action}", f"back=batch{more}".encode())
        assert answer.status == 303, answer.text
        return page(own_site, answer.headers["location"])

    assert "one is paused." in press("pause")
    assert batch.status().state == "paused"
    assert "one goes on." in press("resume")
    press("priority", "&priority=high")
    assert "drawn before all others" in press("front")
    assert (batch.status().priority, batch.status().at_front) == ("high", True)
    assert batch.status().failed == 1
    press("retry")
    assert batch.status().failed == 0
    press("cancel")
    assert batch.status().state == "cancelled"
    press("resume")
    assert batch.status().state == "in_progress"
    for action, status in (("explode", 404), ("priority", 400)):
        assert own_site.post(f"/batches/{batch.id}/{action}").status == status
    assert own_site.post("/batches/7/pause").status == 404


def test_workers_are_shown_with_the_image_in_hand(own_site: Site) -> None:
    own_site.queue.submit(["a red house"], seeds=range(3), batch="one")
    ledger = own_site.app.state.sources.ledger
    with connect(own_site.settings) as connection:
        queues = Queues(connection, ledger.id)
        connection.hset("rq:worker:w-1", "birth", "x")  # as RQ lists one
        queues.claims.beat("w-1", 1, {})
        image = InHand(batch="one", entry=1, seed=2, prompt="a red house", step=3, steps=20)
        queues.in_hand.show("w-1", image)
        page(own_site, "/")
        preview = Preview(batch="one", entry=1, seed=2, media_type="image/webp", data=b"RIFF")
        queues.previews.tell("w-1", preview)
        with_preview = await_text(own_site, "/", 'src="data:image/webp;base64,UklGRg=="')
        queues.in_hand.show("w-1", replace(image, seed=1))
        text = page(own_site, "/")
        queues.claims.sign_off("w-1")
        connection.delete("rq:worker:w-1")
    assert "Drawing 1 batch" in text
    assert "step 3 of 20" in with_preview
    assert "data:image" not in text  # it is another image's
    assert 'href="/batches/1/1/2"' in with_preview


def test_a_redis_that_is_away_is_said_and_the_rest_is_shown(tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "redis")
    server.ensure_running()
    site = Site(tmp_path / "home", server.url)
    try:
        site.queue.submit(["a"], batch="one")
        server.stop()
        text = page(site, "/")
        assert "Nobody can say who draws" in text
        assert "Redis" in text
        assert "0 of 1" in text
        answer = site.post("/batches/1/resume")
        assert (answer.status, "Traceback" in answer.text) == (503, False)
    finally:
        site.close()


def test_below_a_prefix_all_addresses_have_it(tmp_path: Path, redis_url: str) -> None:
    site = Site(tmp_path / "home", redis_url, prefix="/pictures")
    try:
        site.queue.submit(["a"], seeds=[1], batch="one")
        draw(site.queue)
        for path in (
            "/submit",
            "/night?since=1d",
            "/batches/1/1/1",
            "/pictures/batches/1/1/1",
        ):  # as the proxy takes it off or not
            text = page(site, path)
            addresses = re.findall(r'(?:href|src|action)="(/[^"]*)"', text)
            assert addresses
            assert all(address.startswith("/pictures/") for address in addresses)
        assert site.post("/batches/1/pause").headers["location"].startswith("/pictures/")
        shown = re.findall(r'src="(/pictures/[it]/[^"]*)"', text)
        assert [site.ask(address).status for address in shown] == [200] * len(shown)
    finally:
        site.close()


def test_a_ledger_in_trouble_is_a_sentence_and_not_a_traceback(own_site: Site) -> None:
    own_site.queue.submit(["a"], batch="one")
    page(own_site, "/")
    (own_site.queue.home / "sdq.db").rename(own_site.queue.home / "moved.db")
    answer = own_site.ask("/", headers=PAGE)
    assert answer.status == 503
    assert answer.headers["retry-after"]
    assert "sdq.db" in answer.text


def _change(site: Site, statement: str, *values: str) -> None:
    import sqlite3

    with sqlite3.connect(site.queue.home / "sdq.db") as connection:
        connection.execute(statement, values)
    connection.close()
