"""The images that workers have in hand, in Redis while somebody watches and for a few seconds after; else nowhere.

    sdq:LEDGER-watched      there while somebody watches
    sdq:LEDGER-hand:WORKER  what a worker is drawing; gone soon after the worker stopped saying so

These expire, unlike claims: nothing is decided by them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import redis

#: A watcher says every second that it is there; a worker asks every few seconds.
_WATCHED_S = 10
#: Longer than a worker needs to save an image and to begin the next one.
_HAND_S = 5
#: Enough of a prompt to recognize it in a line of a terminal.
_PROMPT = 200


@dataclass(frozen=True, kw_only=True)
class InHand:
    """An image that is being drawn.

    batch, entry, seed: which one.
    prompt: at least its beginning.
    step, steps: how many of its steps are done.
    """

    batch: str
    entry: int
    seed: int
    prompt: str
    step: int
    steps: int


class ImagesInHand:
    """What the workers of one ledger are drawing. Methods raise redis-py's exceptions."""

    def __init__(self, connection: redis.Redis, prefix: str) -> None:
        """Use a Redis. prefix: what the ledger's queues and job ids begin with."""
        self._connection: Any = connection
        self._watched = f"sdq:{prefix}watched"
        self._hand = f"sdq:{prefix}hand"

    def watch(self, workers: Iterable[str]) -> list[InHand]:
        """Let the workers know that somebody watches; return what they are drawing, as far as they have said so."""
        return list(self.watch_each(workers).values())

    def watch_each(self, workers: Iterable[str]) -> dict[str, InHand]:
        """Do as `watch`, and return it by the workers' names."""
        names = sorted(workers)
        with self._connection.pipeline(transaction=False) as pipeline:
            pipeline.set(self._watched, 1, ex=_WATCHED_S)
            for name in names:
                pipeline.get(f"{self._hand}:{name}")
            _, *found = pipeline.execute()
        said = zip(names, found, strict=True)
        return {name: image for name, raw in said if raw and (image := _read(raw))}

    def is_watched(self) -> bool:
        """Whether somebody watches."""
        return bool(self._connection.exists(self._watched))

    def show(self, worker: str, image: InHand) -> None:
        """Say what a worker is drawing; twice a second is enough."""
        about = asdict(image) | {"prompt": image.prompt[:_PROMPT]}
        self._connection.set(f"{self._hand}:{worker}", json.dumps(about), ex=_HAND_S)


def _read(raw: bytes) -> InHand | None:
    """Return what a worker said; None for anything else, as whoever reaches Redis may have written it."""
    try:
        said = json.loads(raw)
        return InHand(
            batch=str(said["batch"]),
            entry=int(said["entry"]),
            seed=int(said["seed"]),
            prompt=str(said["prompt"])[:_PROMPT],
            step=int(said["step"]),
            steps=int(said["steps"]),
        )
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
