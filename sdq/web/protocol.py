"""HTTP as uvicorn speaks it, with an end to the patience for clients that begin a request and say no more.

uvicorn waits without end for the rest of a request's head; some hundred connections that send a byte a minute would
keep everybody else out. And it accepts connections until no file can be opened any more, for them or for anything else.
"""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

#: How long the head of a request may take, s.
_HEAD_S = 15.0
#: Connections beyond the limit that are still told to come back; more are cut.
_TOLD = 32


class Protocol(H11Protocol):
    """One connection."""

    _ends: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        if self.limit_concurrency and len(self.connections) > self.limit_concurrency + _TOLD:
            transport.abort()
            return
        self._ends = self.loop.call_later(_HEAD_S, self._end)

    def data_received(self, data: bytes) -> None:
        """Take some bytes."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()
        elif self._ends is None:
            self._ends = self.loop.call_later(_HEAD_S, self._end)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _stop_waiting(self) -> None:
        if self._ends is not None:
            self._ends.cancel()
            self._ends = None

    def _end(self) -> None:
        self._ends = None
        if not self.transport.is_closing():
            self.transport.close()
