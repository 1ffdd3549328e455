"""A server over a data folder, in a thread of the tests' process, and the clients that ask it."""

from __future__ import annotations

import contextlib
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openai import OpenAI

from sdq import Queue
from sdq.web.access import Access
from sdq.web.app import create_app
from sdq.web.server import Server, listen
from sdq_core.settings import read_settings

TOKEN = "t" * 40


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, kw_only=True)
class Served:
    """A server that runs. home: its data folder. queue: the same in Python."""

    url: str
    home: Path
    queue: Queue
    token: str = TOKEN

    def client(self, **options: Any) -> OpenAI:
        return OpenAI(base_url=f"{self.url}/v1", api_key=self.token, timeout=60, **options)

    def ask(
        self,
        path: str,
        body: object = None,
        *,
        method: str | None = None,
        authorization: str | None = f"Bearer {TOKEN}",
        **headers: str,
    ) -> Answer:
        """Ask for a path, or for an address. body: sent as JSON, or as it is if it is bytes."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        url = path if path.startswith("http") else f"{self.url}{path}"
        request = urllib.request.Request(url, data=data, method=method)
        for name, value in {"content-type": "application/json", **headers}.items():
            request.add_header(name.replace("_", "-"), value)
        if authorization:
            request.add_header("Authorization", authorization)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return Answer(status=answer.status, headers=answer.headers, body=answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(status=error.code, headers=error.headers, body=error.read())


@contextlib.contextmanager
def served(
    home: Path, *, redis_url: str | None = None, read_only: bool = False
) -> Iterator[Served]:
    """Serve a data folder for the block."""
    home.mkdir(exist_ok=True)
    settings = read_settings({}, {"home": str(home), "redis_url": redis_url})
    app = create_app(settings, Access(token=TOKEN, read_only=read_only))
    listening = listen("127.0.0.1", 0)
    server = Server(app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    wait_until(lambda: server.started)
    try:
        with Queue(home, redis_url=redis_url) as queue:
            yield Served(
                url=f"http://127.0.0.1:{listening.getsockname()[1]}", home=home, queue=queue
            )
    finally:
        server.should_exit = True
        thread.join(timeout=30)
        listening.close()
        assert not thread.is_alive()


def wait_until(condition: Callable[[], bool], *, timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
