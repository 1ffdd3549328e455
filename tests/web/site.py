"""A running server over a data folder of its own."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sdq import Queue
from sdq.web.access import Access
from sdq.web.app import create_app
from sdq.web.server import Server, listen
from sdq_core.settings import read_settings

TOKEN = "t" * 43
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class Site:
    """The server, and the queue that it shows."""

    def __init__(
        self,
        home: Path,
        redis_url: str,
        *,
        read_only: bool = False,
        prefix: str = "",
        connections: int = 2000,
    ) -> None:
        self.queue = Queue(home, redis_url=redis_url)
        self.settings = read_settings({}, {"home": str(home), "redis_url": redis_url})
        access = Access(token=TOKEN, read_only=read_only, prefix=prefix)
        self.app = create_app(self.settings, access)
        listening = listen("127.0.0.1", 0)
        self.port: int = listening.getsockname()[1]
        started = threading.Event()
        self._server = Server(self.app, started.set, connections=connections)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listening]}, daemon=True
        )
        self._thread.start()
        assert started.wait(30)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self,
        path: str,
        method: str = "GET",
        headers: Mapping[str, str] = BEARER,
        body: bytes | None = None,
    ) -> Answer:
        """Ask with exactly these headers, beside Host unless it is among them."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            lower = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(status=answer.status, headers=lower, body=answer.read())
        finally:
            connection.close()

    def send(self, data: bytes) -> bytes:
        """Send bytes as they are; return the answer until the server ends the connection, in whichever way."""
        found = b""
        with (
            socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection,
            contextlib.suppress(ConnectionError),
        ):
            connection.sendall(data)
            while some := connection.recv(65536):
                found += some
        return found

    def post(self, path: str, body: bytes = b"") -> Answer:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.ask(path, "POST", BEARER | form, body)

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join(30)
        assert not self._thread.is_alive()
        self.queue.close()
