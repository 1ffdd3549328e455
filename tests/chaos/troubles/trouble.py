"""A trouble: what can happen, at which rate, and how it is ended where it lasts."""

from __future__ import annotations

import contextlib
import os
import random
import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tests.chaos.builds import Builds
from tests.chaos.curator import Curator
from tests.chaos.customer import Customer
from tests.chaos.fleet import Fleet
from tests.chaos.onlooker import Onlooker
from tests.chaos.place import Place

Heal = Callable[[], None]

#: The things that one trouble at a time befalls.
EVERYTHING = "everything"


@dataclass(frozen=True, kw_only=True)
class Struck:
    """A trouble that has come.

    workers: process ids of the workers whose images in hand it interrupted; None for all. dead: those that it killed.
    emptied: the host that it left without workers. heal ends it after lasts_s.
    """

    workers: frozenset[int] | None = frozenset()
    dead: tuple[int, ...] = ()
    emptied: str | None = None
    lasts_s: float = 0.0
    heal: Heal | None = None


#: Lets a trouble come; gives None when there was nothing to hit.
Blow = Callable[[], Struck | None]


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """One kind.

    rate: relative to the others. thing: what it befalls, where two troubles of it at once would be in each other's way;
    EVERYTHING is alone in the world. wide: it hits more than one process.
    """

    name: str
    rate: float
    strike: Blow
    is_kill: bool = False
    thing: str | None = None
    wide: bool = False


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Whom troubles can befall, and the dice that choose.

    longest_s, longest_sleep_s: most that one lasts, s. builds: of the system; None if no unit fails. onlooker: None
    if nobody has the pages open.
    """

    place: Place
    fleet: Fleet
    customer: Customer
    curator: Curator
    dice: random.Random
    longest_s: float
    longest_sleep_s: float
    builds: Builds | None = None
    onlooker: Onlooker | None = None

    def duration_s(self) -> float:
        """Draw how long a trouble lasts."""
        return self.dice.uniform(1.0, self.longest_s)

    def sleep_s(self) -> float:
        """Draw how long a process, or all of them, are suspended."""
        return self.dice.uniform(1.0, self.longest_sleep_s)


def freeze(pids: Iterable[int]) -> Heal | None:
    """Suspend processes; give what lets them go on, None if they were gone."""
    frozen = [pid for pid in pids if _sent(pid, signal.SIGSTOP)]

    def thaw() -> None:
        for pid in frozen:
            _sent(pid, signal.SIGCONT)

    return thaw if frozen else None


def _sent(pid: int, signum: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signum)
        return True
    return False
