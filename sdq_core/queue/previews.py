"""Previews of the images that workers have in hand: told to whoever listens at the moment, and kept nowhere.

They are published and not stored, as the embedded Redis writes what is stored into its append-only file.

    sdq:LEDGER-previews  the channel
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import redis

from sdq_core.queue.in_hand import InHand

#: Workers tell one twice a second. One that is older than this is of an image that is done, or of a worker that died.
_AGE_S = 5.0
_MEDIA_TYPES = frozenset({"image/webp", "image/jpeg"})
#: Far more than a picture of 256 x 256 pixels takes.
_MOST_BYTES = 256 * 1024
#: Of messages read at once.
_AT_ONCE = 1000
#: For the rest of a message of which a part is there.
_PATIENCE_S = 0.05


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What an image would be if it ended now. data: a file of the media type."""

    batch: str
    entry: int
    seed: int
    media_type: str
    data: bytes

    def is_of(self, image: InHand) -> bool:
        """Whether this is the preview of an image."""
        return (self.batch, self.entry, self.seed) == (image.batch, image.entry, image.seed)

    @property
    def uri(self) -> str:
        """It as an address that holds it all."""
        return f"data:{self.media_type};base64,{base64.b64encode(self.data).decode()}"


class Previews:
    """The channel of one ledger. Methods raise redis-py's exceptions."""

    def __init__(self, connection: redis.Redis, prefix: str) -> None:
        """Use a Redis. prefix: what the ledger's queues and job ids begin with."""
        self._connection: Any = connection
        self._channel = f"sdq:{prefix}previews"

    def tell(self, worker: str, preview: Preview) -> None:
        """Tell whoever listens what a worker is drawing."""
        about = {
            "worker": worker,
            "batch": preview.batch,
            "entry": preview.entry,
            "seed": preview.seed,
            "media_type": preview.media_type,
            "data": base64.b64encode(preview.data).decode(),
        }
        self._connection.publish(self._channel, json.dumps(about))

    def listen(self) -> PreviewListener:
        """Begin to listen, on a connection of its own."""
        return PreviewListener(self._connection, self._channel)


class PreviewListener:
    """Has the newest preview of each worker, as far as they were told since it listens."""

    def __init__(self, connection: Any, channel: str) -> None:
        self._connection = connection
        self._channel = channel
        self._messages = self._subscribed()
        self._newest: dict[str, tuple[float, Preview]] = {}

    def newest(self) -> Mapping[str, Preview]:
        """Return the previews that are not old, by the workers' names. Waits for none."""
        now = time.monotonic()
        try:
            for message in self._arrived():
                if message["type"] == "message" and (told := _read(message["data"])):
                    worker, preview = told
                    self._newest[worker] = (now, preview)
        except redis.exceptions.ConnectionError:
            # Redis was started anew; if it is gone, this raises.
            self._messages.close()
            self._messages = self._subscribed()
        self._newest = {
            worker: (at, preview)
            for worker, (at, preview) in self._newest.items()
            if now - at < _AGE_S
        }
        return {worker: preview for worker, (_, preview) in self._newest.items()}

    def _subscribed(self) -> Any:
        messages = self._connection.pubsub()
        messages.subscribe(self._channel)
        return messages

    def _arrived(self) -> Iterator[Mapping[str, Any]]:
        for _ in range(_AT_ONCE):
            # Asked first, so that there is no waiting where there is nothing.
            if not self._messages.connection.can_read(timeout=0):
                return
            try:
                message = self._messages.get_message(timeout=_PATIENCE_S)
            except redis.exceptions.TimeoutError:
                return  # redis-py has dropped the part that arrived; another one will come
            if message is not None:
                yield message

    def close(self) -> None:
        """Listen no more."""
        self._messages.close()


def _read(raw: bytes) -> tuple[str, Preview] | None:
    """Return what a worker told; None for anything else, as whoever reaches Redis may have published it."""
    if len(raw) > _MOST_BYTES:
        return None
    try:
        told = json.loads(raw)
        if told["media_type"] not in _MEDIA_TYPES:
            return None
        return str(told["worker"]), Preview(
            batch=str(told["batch"]),
            entry=int(told["entry"]),
            seed=int(told["seed"]),
            media_type=told["media_type"],
            data=base64.b64decode(told["data"], validate=True),
        )
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
