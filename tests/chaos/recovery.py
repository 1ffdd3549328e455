"""Recovery: how long after a worker's death somebody else takes up the slice of its image in hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from tests.chaos.bounds import Bounds
from tests.chaos.fleet import Fleet
from tests.chaos.journal import Journal
from tests.chaos.ledger_view import Image, LedgerView
from tests.chaos.strikes import Strike

#: How long a server may take to commit what a worker told it just before it died.
_TAKES_EFFECT_S = 0.15


@dataclass(kw_only=True)
class Recovery:
    """One killed worker's slices. Times are of the storm's monotonic clock.

    kind: the trouble's name. confirmed: a moment has passed in which the ledger could still do what the dead worker had
    told it; images are those that were unfinished then. taken_at: when one of the slices was seen in other hands, None
    if it was not yet; by: the host whose worker that was, None if it was not seen.
    """

    kind: str
    pid: int
    host: str
    killed_at: float
    images: frozenset[Image]
    slices: frozenset[int]
    confirmed: bool = False
    taken_at: float | None = None
    by: str | None = None

    @property
    def seconds(self) -> float | None:
        """How long it took; None if it never happened."""
        return None if self.taken_at is None else self.taken_at - self.killed_at

    def undisturbed(self, strikes: Sequence[Strike]) -> bool:
        """Whether those who took it up could have done so at once: no trouble of the whole place, or of their host."""
        end = self.taken_at
        if end is None or self.by is None:
            return False
        return not any(
            (strike.wide or strike.emptied == self.by) and strike.overlaps(self.killed_at, end)
            for strike in strikes
        )


class Recoveries:
    """Watches the slices of the dead; `look` has to be called often."""

    def __init__(self, ledger: LedgerView, journal: Journal, fleet: Fleet) -> None:
        self.all: list[Recovery] = []
        self._ledger = ledger
        self._journal = journal
        self._fleet = fleet

    def expect(self, kind: str, pid: int, killed_at: float) -> None:
        """Watch what a worker had in hand. It must be dead: what it finished later would look like recovery."""
        hands = [hand for hand in self._ledger.hands() if hand.pid == pid]
        if hands:
            recovery = Recovery(
                kind=kind,
                pid=pid,
                host=self._fleet.host_of(pid),
                killed_at=killed_at,
                images=frozenset(hand.image for hand in hands),
                slices=frozenset(hand.slice_id for hand in hands),
            )
            self.all.append(recovery)

    def waiting(self) -> list[Recovery]:
        """List what has not been taken up yet."""
        return [recovery for recovery in self.all if recovery.taken_at is None]

    def look(self, moment: float) -> None:
        """Note what has been taken up by this moment, by the logs or by the ledger."""
        waiting = self.waiting()
        if not waiting:
            return
        hands = self._ledger.hands()
        for recovery in waiting:
            left = {hand.image for hand in hands if hand.pid == recovery.pid}
            if not recovery.confirmed:
                self._confirm(recovery, {hand.image for hand in hands}, moment)
                continue
            for line in self._journal.took_over:
                if line.pid == recovery.pid and line.at >= recovery.killed_at:
                    recovery.taken_at = line.at
                    recovery.by = self._fleet.berths[line.berth].host.name
            if recovery.taken_at is not None:
                continue
            others = [
                hand for hand in hands
                if hand.slice_id in recovery.slices and hand.pid != recovery.pid
            ]  # fmt: skip
            if others or not recovery.images <= left:  # begun again, or even finished
                recovery.taken_at = moment
                recovery.by = self._fleet.host_of(others[0].pid) if others else None

    def _confirm(self, recovery: Recovery, held: set[Image], moment: float) -> None:
        if moment - recovery.killed_at < _TAKES_EFFECT_S:
            return
        recovery.confirmed = True
        recovery.images &= held
        if not recovery.images:  # it died with nothing in hand
            self.all.remove(recovery)


def out_of_bounds(
    recoveries: Sequence[Recovery], strikes: Sequence[Strike], bounds: Bounds
) -> list[str]:
    """Say which of the bounds were not kept."""
    near, far = _undisturbed(recoveries, strikes)
    found = []
    if near and (middle := median(near)) > bounds.same_host_median_s:
        found.append(
            f"a worker of the same host took up a dead one's slice after {middle:.1f} s in the median, "
            f"more than {bounds.same_host_median_s:.0f} s"
        )
    if near and max(near) > bounds.same_host_worst_s:
        found.append(
            f"a worker of the same host took up a dead one's slice after {max(near):.1f} s at worst, "
            f"more than {bounds.same_host_worst_s:.0f} s"
        )
    if far and (middle := median(far)) > bounds.other_host_median_s:
        found.append(
            f"another host took up a dead worker's slice after {middle:.1f} s in the median, "
            f"more than {bounds.other_host_median_s:.0f} s"
        )
    return found


def describe_recoveries(recoveries: Sequence[Recovery], strikes: Sequence[Strike]) -> list[str]:
    """Write one line for each kind of host that took up the slices of the dead."""
    near, far = _undisturbed(recoveries, strikes)
    lines = []
    for what, seconds in (("the same host", near), ("another host", far)):
        if seconds:
            lines.append(
                f"Slices of the dead taken up by {what}, no trouble of the whole place meanwhile: "
                f"{len(seconds)} times, median {median(seconds):.1f} s, "
                f"90 % within {ninetieth(seconds):.1f} s, worst {max(seconds):.1f} s."
            )
    return lines


def ninetieth(values: Sequence[float]) -> float:
    """Return the value that nine of ten do not exceed."""
    return sorted(values)[max(0, -(-9 * len(values) // 10) - 1)]


def _undisturbed(
    recoveries: Sequence[Recovery], strikes: Sequence[Strike]
) -> tuple[list[float], list[float]]:
    """Give the seconds of those that the same host, and that another host, took up."""
    near: list[float] = []
    far: list[float] = []
    for recovery in recoveries:
        if recovery.seconds is not None and recovery.undisturbed(strikes):
            (near if recovery.by == recovery.host else far).append(recovery.seconds)
    return near, far
