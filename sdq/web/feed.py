"""What changes, told to all who listen: one thread looks every second or two, however many they are.

A listener gets bytes of server-sent events that were made once for all. One that is slow misses some of them; one that
is gone costs nothing. Nobody looks while nobody listens.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Hashable, Mapping
from dataclasses import dataclass, field

from sdq.web.look import Look
from sdq_core.errors import SdqError

_LOG = logging.getLogger("sdq.web")

_EVERY_S = 1.0
#: Where several images come between two looks: each event has every open page drawn anew, by the machine that draws.
_EVERY_S_IF_FAST = 2.0
#: Looking takes at most one part in so many of the time. Telling does not count: it makes the thumbnails of what is
#: new, and the later that is done, the more there are of them.
_PARTS = 25
#: So that proxies and browsers know that the connection lives.
HEARTBEAT_S = 15.0
#: What a slow listener may be behind, in events.
_BEHIND = 60

#: What makes the bytes for one kind of listener: what is new in a look since the one before, empty for no news; without
#: one before, all there is to tell and what is new.
Writer = Callable[[Look, Look | None], bytes]


@dataclass(eq=False)
class _Listener:
    kind: Hashable
    is_new: bool = True  # and has to be told all
    waiting: deque[bytes] = field(default_factory=lambda: deque(maxlen=_BEHIND))
    news: asyncio.Event = field(default_factory=asyncio.Event)


class Feed:
    """The news of one server. Made before its event loop runs; `listen` is for coroutines of one loop."""

    def __init__(self, look: Callable[[Look | None], Look]) -> None:
        """Look at nothing yet. look: reads ledger and Redis; it is given what it returned before."""
        self._look = look
        self._writers: dict[Hashable, Writer] = {}
        self._listeners: set[_Listener] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    async def listen(self, kind: Hashable, writer: Callable[[], Writer]) -> AsyncIterator[bytes]:
        """Yield events as bytes, and heartbeats between them, until the server stops.

        kind: listeners of one kind are told the same. writer: makes what makes their events, for the first of them.
        """
        listener = _Listener(kind)
        if kind not in self._writers:
            self._writers[kind] = writer()
        self._loop = asyncio.get_running_loop()
        self._listeners.add(listener)
        self._start()
        try:
            yield b"retry: 2000\n\n"
            while not self._closed:
                while listener.waiting:
                    yield listener.waiting.popleft()
                listener.news.clear()
                try:
                    async with asyncio.timeout(HEARTBEAT_S):
                        await listener.news.wait()
                except TimeoutError:
                    yield b": still here\n\n"
        finally:
            self._listeners.discard(listener)
            if all(other.kind != kind for other in self._listeners):
                self._writers.pop(kind, None)

    @property
    def listeners(self) -> int:
        """How many listen."""
        return len(self._listeners)

    def close(self) -> None:
        """Let all listeners end; called in the event loop."""
        self._closed = True
        self._wake.set()
        for listener in self._listeners:
            listener.news.set()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="sdq-feed", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        before: Look | None = None
        while True:
            began, every_s, looked_s = time.monotonic(), _EVERY_S, 0.0
            try:
                look = self._look(before)
                looked_s = time.monotonic() - began
                if len(look.finished) > 1:
                    every_s = _EVERY_S_IF_FAST
                self._tell(look, before)
                before = look
            except (
                SdqError
            ) as error:  # the ledger is locked, or its drive is gone: later it may be there
                looked_s = time.monotonic() - began
                _LOG.debug("no look: %s", error)
            except Exception:
                # A bug of ours; pages stay as they are, and the next look may succeed.
                _LOG.exception("The events of pages could not be made.")
            passed_s = time.monotonic() - began
            self._wake.wait(max(every_s - passed_s, looked_s * (_PARTS - 1)))
            with self._lock:
                if self._closed or not self._listeners:
                    self._thread = None
                    return

    def _tell(self, look: Look, before: Look | None) -> None:
        """Make the events for the kinds that are listened to, and hand them over to the event loop."""
        writers = dict(self._writers)
        new = {listener.kind for listener in list(self._listeners) if listener.is_new}
        news = {kind: write(look, before) for kind, write in writers.items()}
        whole = {kind: write(look, None) for kind, write in writers.items() if kind in new}
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._hand_over, news, whole)

    def _hand_over(self, news: Mapping[Hashable, bytes], whole: Mapping[Hashable, bytes]) -> None:
        for listener in self._listeners:
            if listener.is_new and listener.kind not in whole:
                continue  # it came meanwhile
            event = (whole if listener.is_new else news).get(listener.kind)
            listener.is_new = False
            if event:
                listener.waiting.append(event)
                listener.news.set()


def event(name: str, data: str) -> bytes:
    """Return one server-sent event. data: of any lines."""
    lines = "".join(f"data: {line}\n" for line in data.splitlines() or [""])
    return f"event: {name}\n{lines}\n".encode(errors="replace")
