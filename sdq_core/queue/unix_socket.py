"""Connects to a unix socket whose path may be too long for the system."""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

from redis.connection import UnixDomainSocketConnection

#: `sun_path` holds 104 bytes on macOS and 108 on Linux, the final NUL included.
LONGEST_PATH_BYTES = 103


class LongPathConnection(UnixDomainSocketConnection):
    """A connection to a unix socket at a path of any length.

    A short link to its folder is made for the moment of connecting. So the socket needs no second place that depends on
    who looks for it: TMPDIR is another for cron, launchd and sudo.
    """

    def _connect(self) -> socket.socket:
        path = self.path
        with _short(Path(path)) as short:
            self.path = short
            try:
                return super()._connect()  # type: ignore[no-any-return, no-untyped-call]
            finally:
                self.path = path  # which messages name


@contextlib.contextmanager
def _short(path: Path) -> Iterator[str]:
    """Yield a path to the same socket that is short enough."""
    if len(os.fsencode(path)) <= LONGEST_PATH_BYTES:
        yield str(path)
        return
    with contextlib.ExitStack() as stack:
        yield str(_link(path.parent, stack) / path.name)


def _link(folder: Path, stack: contextlib.ExitStack) -> Path:
    """Link to a folder from a private one until the stack ends; raise OSError if no place for it can be written."""
    trouble: OSError | None = None
    for place in ("/tmp", None):  # TMPDIR may itself be long
        try:
            private = tempfile.mkdtemp(prefix="sdq-", dir=place)
        except OSError as error:
            trouble = error
            continue
        stack.callback(_remove, Path(private))
        link = Path(private) / "r"
        link.symlink_to(folder)
        return link
    raise OSError(
        f"its path is longer than {LONGEST_PATH_BYTES} bytes, and neither /tmp nor TMPDIR can be written for a short "
        "link to it"
    ) from trouble


def _remove(private: Path) -> None:
    with contextlib.suppress(OSError):
        (private / "r").unlink()
        private.rmdir()
