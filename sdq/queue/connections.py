"""A queue's connections: opened when they are needed, shared by its threads, and never with a forked process."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sdq.data_folder import refuse_absent_drive
from sdq_core.settings import Settings

if TYPE_CHECKING:
    from db.ledger import Ledger
    from sdq_core.queue.queues import Queues


@dataclass(kw_only=True)
class _Opened:
    """What one process has opened."""

    process_id: int = field(default_factory=os.getpid)
    lock: threading.Lock = field(default_factory=threading.Lock)
    ledger: Ledger | None = None
    former: _Opened | None = None


class Connections:
    """Of one queue, with its settings. Threads may share them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._opened = _Opened()

    def ledger(self) -> Ledger:
        """Return the ledger; it is made if it is not there yet."""
        from db.ledger import Ledger

        here = self._here()
        with here.lock:
            if here.ledger is None:
                refuse_absent_drive(self.settings)
                here.ledger = Ledger.open(self.settings.database_url)
            return here.ledger

    def existing_ledger(self) -> Ledger | None:
        """Return the ledger, None if there is none yet."""
        from db.ledger import Ledger

        here = self._here()
        with here.lock:
            if here.ledger is None:
                refuse_absent_drive(self.settings)
                here.ledger = Ledger.open_existing(self.settings.database_url)
            return here.ledger

    def queues(self) -> Queues:
        """Return the ledger's queues, over a connection of their own; the embedded Redis is started if needed."""
        from sdq_core.queue.connection import connect
        from sdq_core.queue.queues import Queues

        return Queues(connect(self.settings), self.ledger().id)

    def close(self) -> None:
        """Close what is open; what is used afterwards opens it again."""
        here = self._here()
        with here.lock:
            if here.ledger is not None:
                here.ledger.close()
            here.ledger = None

    def _here(self) -> _Opened:
        """Return what this process opened.

        A forked process has its parent's connections. They are kept and left alone: closing one would end the parent's.
        """
        if self._opened.process_id != os.getpid():
            self._opened = _Opened(former=self._opened)
        return self._opened

    def __getstate__(self) -> Settings:
        """Give another process, such as one of multiprocessing, what it needs to open its own."""
        return self.settings

    def __setstate__(self, settings: Settings) -> None:
        self.settings = settings
        self._opened = _Opened()
