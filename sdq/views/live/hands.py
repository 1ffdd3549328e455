"""What the workers of a ledger are drawing, as they say in Redis while somebody watches."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from sdq_core.errors import SdqError
from sdq_core.queue.connection import connect
from sdq_core.queue.failures import redis_errors
from sdq_core.queue.in_hand import InHand
from sdq_core.queue.queues import Queues
from sdq_core.queue.server import RedisServer
from sdq_core.settings import Settings

#: Workers say it twice a second.
_ASK_EVERY_S = 0.5
_AFTER_TROUBLE_S = 10.0


class Hands:
    """The images in all workers' hands, on whichever machine."""

    def __init__(self, connect: Callable[[], Queues | None]) -> None:
        """Ask nobody yet. connect: called for the first question and after trouble; None for no Redis."""
        self._connect = connect
        self._queues: Queues | None = None
        self._images: Sequence[InHand] = ()
        self._ask_at = 0.0

    def images(self, batch: str | None = None) -> list[InHand]:
        """Return the images in hand, or those of a batch; none without Redis."""
        if time.monotonic() >= self._ask_at:
            self._ask_at = time.monotonic() + _ASK_EVERY_S
            try:
                self._images = self._asked()
            except SdqError:
                self._queues, self._images = None, ()
                self._ask_at = time.monotonic() + _AFTER_TROUBLE_S
        return [image for image in self._images if batch in {None, image.batch}]

    def _asked(self) -> Sequence[InHand]:
        self._queues = self._queues or self._connect()
        if self._queues is None:
            return ()
        with redis_errors():
            return self._queues.in_hand.watch(self._queues.claims.living())


def running_queues(settings: Settings, ledger_id: str) -> Queues | None:
    """Return a ledger's queues; None if they are in an embedded Redis that does not run, which is not started."""
    if settings.redis_url is None and not RedisServer(settings.redis_folder).is_running():
        return None
    return Queues(connect(settings, wait_until_loaded=False), ledger_id)
