"""The onlooker: has the pages open while the storm rages, and now and then the server is killed."""

from __future__ import annotations

import contextlib
import http.client
import random
import socket
import subprocess
import threading
import time
from collections import Counter

from sdq.web.token import NAME
from sdq_core.errors import EXIT_CANNOT_CREATE, EXIT_IO_ERROR, EXIT_UNAVAILABLE
from tests.chaos.place import Place

_PAGES = (
    "/", "/batches", "/batches/1", "/batches/1?view=newest", "/batches/1?where=seed+%3E+3", "/batches/1/1/0",
    "/v1/batches", "/metrics", "/readyz", "/healthz",
)  # fmt: skip
#: Not there yet, or not to be had in this trouble; anything else above 400 is a fault.
_EXCUSED = {404, 503}
_PATIENCE_S = 30.0
_RESTART_AFTER_S = 0.5
_NOT_USABLE = {EXIT_UNAVAILABLE, EXIT_CANNOT_CREATE, EXIT_IO_ERROR}


class Onlooker:
    """A server of a place, and somebody who reads. answers: by status, 0 for none; ends: codes of those that ended."""

    def __init__(self, place: Place, dice: random.Random) -> None:
        self.answers: Counter[int] = Counter()
        self.ends: Counter[int] = Counter()
        self.killed = 0
        self.faults: list[str] = []
        self._place = place
        self._dice = dice
        self._process: subprocess.Popen[bytes] | None = None
        self._not_before = 0.0
        self._port = _free_port()
        self._over = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def tend(self) -> None:
        """Start the server if it does not run."""
        if self._process is not None and (code := self._process.poll()) is not None:
            self.ends[code] += 1
            if code not in _NOT_USABLE:
                self.faults.append(f"the server ended by itself, with {code}")
            self._process, self._not_before = None, time.monotonic() + _RESTART_AFTER_S
        if self._process is None and time.monotonic() >= self._not_before:
            self._process = self._place.start("web", "--port", str(self._port), log="web.log")

    def kill(self) -> bool:
        """Kill -9 the server; give whether there was one."""
        if self._process is None or self._process.poll() is not None:
            return False
        self._process.kill()
        self._process.wait()
        self._process, self._not_before = None, time.monotonic() + _RESTART_AFTER_S
        self.killed += 1
        return True

    def close(self) -> None:
        """Look no more, and leave no server behind."""
        self._over.set()
        self._reader.join(_PATIENCE_S)
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def describe(self) -> str:
        """Write the report's line."""
        answers = ", ".join(f"{count} x {status}" for status, count in sorted(self.answers.items()))
        ends = ", ".join(f"{count} x {code}" for code, count in sorted(self.ends.items()))
        return f"Pages were asked for: {answers} (0: no server). Servers: {self.killed} killed" + (
            f"; others ended with {ends}." if ends else "."
        )

    def _read(self) -> None:
        """Ask for one page after the other; keep one connection of events that is never read."""
        listening: socket.socket | None = None
        while not self._over.wait(0.1):
            page = self._dice.choice(_PAGES)
            try:
                token = (self._place.hosts[0].home / NAME).read_text().strip()
                status, text = self._ask(page, token)
                if listening is None or self._dice.random() < 0.05:
                    with contextlib.suppress(OSError):
                        listening = self._listen(token)
            except (OSError, http.client.HTTPException):
                status, text = 0, b""
            self.answers[status] += 1
            if (status >= 400 and status not in _EXCUSED) or b"Traceback" in text:
                self.faults.append(f"{page} was answered with {status}: {text[:200]!r}")
        if listening is not None:
            listening.close()

    def _ask(self, page: str, token: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_PATIENCE_S)
        with contextlib.closing(connection):
            connection.request("GET", page, headers={"Authorization": f"Bearer {token}"})
            answer = connection.getresponse()
            return answer.status, answer.read()

    def _listen(self, token: str) -> socket.socket:
        opened = socket.create_connection(("127.0.0.1", self._port), timeout=_PATIENCE_S)
        head = f"GET /events HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nAuthorization: Bearer {token}\r\n\r\n"
        opened.sendall(head.encode())
        return opened


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
