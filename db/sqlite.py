"""Connections to an SQLite file: how they are set up, and that they never make a missing file anew.

The first connection may create the file. After that, a file that is missing is a drive that was unplugged or a folder
that was moved: what is found in its place would be another ledger, so the connections to the old file are given up too.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DisconnectionError

from db.limits import Limits


def sqlite_engine(url: URL, limits: Limits) -> Engine:
    """Return an engine for a file. Transactions are begun by the caller's own `begin` event."""
    engine = create_engine(url, connect_args={"timeout": limits.lock_s})
    file = _File(Path(url.database or "").absolute(), limits)
    event.listen(engine, "do_connect", file.connect)
    event.listen(engine, "connect", file.prepare)
    event.listen(engine, "checkout", file.check)
    return engine


class _File:
    """One SQLite file, with the three moments of its connections: made, set up, used."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self._path = path
        self._limits = limits
        self._opened = False

    def connect(
        self, _dialect: Any, _record: Any, cargs: list[Any], cparams: dict[str, Any]
    ) -> None:
        if self._opened:
            cargs[0] = f"file:{quote(str(self._path))}?mode=rw"
            cparams["uri"] = True

    def prepare(self, connection: sqlite3.Connection, record: Any) -> None:
        connection.isolation_level = None  # the begin event sends BEGIN, so the driver must not
        execute = connection.execute
        deadline = time.monotonic() + self._limits.lock_s
        while execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            try:
                execute("PRAGMA journal_mode=WAL")
            except sqlite3.OperationalError as error:
                # Several processes may create the file at once, and SQLite ignores its busy timeout here.
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
        execute("PRAGMA foreign_keys=ON")
        execute("PRAGMA synchronous=NORMAL")
        # On macOS a plain fsync leaves data in the drive's cache; elsewhere these two have no effect.
        execute("PRAGMA fullfsync=ON")
        execute("PRAGMA checkpoint_fullfsync=ON")
        # A submission of a million images makes a WAL of about 10 MB; do not keep it for ever.
        execute("PRAGMA journal_size_limit=4194304")
        execute(f"PRAGMA cache_size=-{self._limits.cache_kib}")
        record.info["file"] = self._identity()
        self._opened = True

    def check(self, _connection: sqlite3.Connection, record: Any, _proxy: Any) -> None:
        if record.info["file"] != self._identity():
            raise DisconnectionError(f"{self._path} is not the file that was opened")

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino
