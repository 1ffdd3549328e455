"""Events: what open pages are told, by one thread for all."""

from __future__ import annotations

import http.client
import json
import threading
from ast import literal_eval
from collections.abc import Iterator
from dataclasses import replace

from sdq.web.pages.events import PageEvents
from tests.api.drawing import draw
from tests.web.site import BEARER, Site


class Listener:
    """One open page."""

    def __init__(self, site: Site, path: str = "/events") -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)
        self._connection.request("GET", path, headers=BEARER)
        self._answer = self._connection.getresponse()
        assert self._answer.headers["content-type"].startswith("text/event-stream")

    def events(self) -> Iterator[tuple[str, object]]:
        name = ""
        while line := self._answer.readline().decode():
            field, _, value = line.rstrip("\n").partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                yield name, json.loads(value)

    def until(self, name: str, wanted: str) -> str:
        """Return the first such event with a text in it."""
        return next(
            text for at, data in self.events() if at == name and wanted in (text := str(data))
        )

    def close(self) -> None:
        self._connection.close()


def test_pages_are_told_what_changes_and_which_pictures_are_new(own_site: Site) -> None:
    own_site.queue.submit(["a <b>"], seeds=range(30), batch="one")
    listener = Listener(own_site)
    listener.until("parts", "0 of 30")
    draw(own_site.queue, slices=1)
    pictures = ""
    for name, data in listener.events():
        if name == "pictures":
            pictures += str(data)
        if "t-1-1-24" in pictures:
            break
    assert "a &lt;b&gt;" in pictures
    assert pictures.count("'key'") == 25  # each once
    late = Listener(own_site, "/events?batch=1")  # is told all at first
    assert "25 <small>of 30" in late.until("parts", "standing-1")
    for each in (listener, late):
        each.close()


def test_pages_are_told_which_images_are_marked_in_others(own_site: Site) -> None:
    own_site.queue.submit(["a"], seeds=range(2), batch="one")
    draw(own_site.queue)
    listener = Listener(own_site)
    listener.until("parts", "2 of 2")
    for action in ("0/favourite", "1/favourite", "1/unmark"):
        assert own_site.post(f"/batches/1/1/{action}").status == 204
    told: dict[str, str] = {}
    for name, data in listener.events():
        if name == "marks" and isinstance(data, dict):
            told |= data
        if told == {"1": "favourite", "2": ""}:
            break
    late = Listener(own_site)
    assert literal_eval(late.until("marks", "")) == {"1": "favourite", "2": ""}
    for each in (listener, late):
        each.close()


def test_a_page_is_told_of_its_own_pictures_and_has_them_with_it_if_they_can_be_read(
    own_site: Site,
) -> None:
    for name in ("one", "two"):
        own_site.queue.submit([name], seeds=[1], batch=name)
    draw(own_site.queue)
    sources = own_site.app.state.sources
    finished = [image for name in ("one", "two") for image in sources.ledger.batches.images(name)]
    look = replace(sources.looking.look(), finished=finished)
    outputs = own_site.queue.outputs
    outputs.rename(outputs.with_name("away"))
    batch, newest, queue = (
        PageEvents(sources, batch_id, with_thumbnails=with_thumbnails)
        for batch_id, with_thumbnails in ((2, False), (2, True), (None, True))
    )
    asked_for, within = b'<img src=\\"/t/', b"data:image/webp;base64,"
    assert newest(look, None).count(asked_for) == 1
    outputs.with_name("away").rename(outputs)
    assert (newest(look, None).count(within), queue(look, None).count(within)) == (1, 2)
    assert (batch(look, None).count(within), batch(look, None).count(asked_for)) == (0, 1)


def test_nobody_looks_while_nobody_listens(own_site: Site) -> None:
    feed = own_site.app.state.sources.feed
    own_site.queue.submit(["a"], batch="one")
    listeners = [Listener(own_site) for _ in range(20)]
    for listener in listeners:
        listener.until("parts", "of 1")
    threads = [thread for thread in threading.enumerate() if thread.name == "sdq-feed"]
    assert (feed.listeners, len([t for t in threads if t is feed._thread])) == (20, 1)
    for listener in listeners:
        listener.close()
    feed._thread.join(60)
    assert feed.listeners == 0
