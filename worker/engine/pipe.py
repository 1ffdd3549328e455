"""Whole messages over a socket, with a deadline that holds even if the other side stops in the middle of one.

`multiprocessing.Connection.recv` blocks until the message is complete, so a frozen engine could hang its worker.
"""

from __future__ import annotations

import pickle
import select
import socket
import struct
import time
from typing import Any

_HEADER = struct.Struct("!Q")
_CHUNK = 1 << 20


class Pipe:
    """One end; both ends belong to processes of the same user, started by one another."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._buffer = bytearray()

    def send(self, message: object) -> None:
        """Send one message; raise OSError if the other end is closed."""
        data = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
        self._socket.sendall(_HEADER.pack(len(data)) + data)

    def receive(self, timeout_s: float | None = None) -> Any:
        """Return the next message; None if it is not complete within timeout_s seconds. timeout_s: None waits forever.

        Raises EOFError if the other end is closed.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while (message := self._complete()) is None:
            left_s = None if deadline is None else max(0.0, deadline - time.monotonic())
            readable, _, _ = select.select([self._socket], [], [], left_s)
            if not readable:
                return None
            chunk = self._socket.recv(_CHUNK)
            if not chunk:
                raise EOFError("The other end of the pipe is closed.")
            self._buffer += chunk
        return pickle.loads(message)

    def close(self) -> None:
        """Close this end; the other end's next call raises."""
        self._socket.close()

    def _complete(self) -> bytes | None:
        if len(self._buffer) < _HEADER.size:
            return None
        (length,) = _HEADER.unpack_from(self._buffer)
        end = _HEADER.size + length
        if len(self._buffer) < end:
            return None
        message = bytes(self._buffer[_HEADER.size : end])
        del self._buffer[:end]
        return message
