"""Two things measured in turns, many times, and whether the result says anything.

A shared machine changes its speed by several percent from minute to minute. So each round is a pair, one right after
the other, and what goes first alternates; only the ratios within the pairs count. A pair is marked as disturbed, and
left out of the result, if other programs used the machine meanwhile, or if the floor took unusually long or short.
"""

from __future__ import annotations

import math
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from statistics import median, quantiles

import psutil

from benchmarks.bench import show

#: The share of all cores that others may use while something is measured that counts.
QUIET = 0.03
#: How far a floor may be from the usual one.
_USUAL = 0.03


@dataclass(kw_only=True)
class Others:
    """What other programs used of the machine while a block ran: a share of all its cores, set at the block's end.

    Contains what the hypervisor gave to other guests, where the system tells it, and services that the measured
    programs had started earlier, such as Redis.
    """

    share: float = math.nan


@contextmanager
def others(*running: int) -> Iterator[Others]:
    """Watch the machine while the block runs.

    Not others are this process, its children that the block waits for, and `running`: ids of children that live on.
    """
    found = Others()
    busy, own, started = _busy_s(), _own_s(running), time.monotonic()
    yield found
    capacity_s = (time.monotonic() - started) * (psutil.cpu_count() or 1)
    found.share = max(0.0, (_busy_s() - busy) - (_own_s(running) - own)) / capacity_s


def _busy_s() -> float:
    times = psutil.cpu_times()._asdict()
    return sum(
        times.get(name, 0.0) for name in ("user", "system", "nice", "irq", "softirq", "steal")
    )


def _own_s(running: Sequence[int]) -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    ended = sum(usage.ru_utime + usage.ru_stime for usage in usages)
    return ended + sum(map(seconds_of, running))


def seconds_of(pid: int) -> float:
    """Return the processor time of a process, s; 0 if it has ended."""
    with suppress(psutil.NoSuchProcess):
        return sum(psutil.Process(pid).cpu_times()[:2])
    return 0.0


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One round. floor_ms, ms: of an image. others: the share of the machine that others used, in the worse half."""

    floor_first: bool
    floor_ms: float
    ms: float
    others: float

    @property
    def ratio(self) -> float:
        """How many times as long as the floor."""
        return self.ms / self.floor_ms

    def trouble(self, usual_ms: float) -> str:
        """Say why the pair does not count; nothing if it does. usual_ms: the median floor."""
        if self.others > QUIET:
            return "others were busy"
        if abs(self.floor_ms / usual_ms - 1) > _USUAL:
            return "unusual floor"
        return ""


def measure(
    rounds: int,
    floor: Callable[[int], float],
    other: Callable[[int], float],
    running: Callable[[], Sequence[int]] = tuple,
) -> list[Pair]:
    """Measure pairs.

    floor, other: take the round's number, return ms of an image. running: lists processes that belong to both.
    """
    pairs = []
    for number in range(rounds):
        floor_first = number % 2 == 0
        halves = {}
        shares = []
        for name in ("floor", "other") if floor_first else ("other", "floor"):
            with others(*running()) as watched:
                halves[name] = (floor if name == "floor" else other)(number)
            shares.append(watched.share)
        pairs.append(
            Pair(
                floor_first=floor_first,
                floor_ms=halves["floor"],
                ms=halves["other"],
                others=max(shares),
            )
        )
    return pairs


def around_median(ratios: Sequence[float]) -> tuple[float, float] | None:
    """Return what the true median lies between with at least 95 % confidence; None with fewer than six ratios.

    By the sign test: of n values, the k-th lowest and the k-th highest, whatever their distribution.
    """
    count, ordered = len(ratios), sorted(ratios)
    outside, chance = 0, 0.0
    while (chance := chance + math.comb(count, outside) / 2**count) <= 0.025:
        outside += 1
    return (ordered[outside - 1], ordered[-outside]) if outside else None


def verdict(between: tuple[float, float] | None, target: float) -> str:
    """Say whether the ratio meets the target, or that these pairs do not tell."""
    if between is None:
        return "not decided: fewer than six quiet pairs"
    low, high = between
    if high <= target:
        return f"at most {target:.2f}"
    if low > target:
        return f"above {target:.2f}"
    return f"not decided: {low:.3f} to {high:.3f} contains {target:.2f}; more rounds or a quieter machine"


def show_pairs(title: str, names: tuple[str, str], pairs: Sequence[Pair], target: float) -> None:
    """Print each pair, and what they say together. names: of the floor and of what is compared with it."""
    usual_ms = median(pair.floor_ms for pair in pairs)
    show(
        title,
        ("pair", "first", f"{names[0]}, ms", f"{names[1]}, ms", "ratio", "others", ""),
        [
            (
                str(number),
                names[0 if pair.floor_first else 1],
                f"{pair.floor_ms:.1f}",
                f"{pair.ms:.1f}",
                f"{pair.ratio:.3f}",
                f"{pair.others:.1%}",
                pair.trouble(usual_ms),
            )
            for number, pair in enumerate(pairs, 1)
        ],
    )
    quiet = [pair for pair in pairs if not pair.trouble(usual_ms)]
    rows = [_summary("all pairs", pairs)]
    if quiet:
        rows.insert(0, _summary("quiet pairs", quiet))
    between = around_median([pair.ratio for pair in quiet])
    show(
        f"{names[1]} / {names[0]}",
        ("", "pairs", "median", "quartiles", "range", "95 % of the median"),
        rows,
    )
    print(f"target {target:.2f}: {verdict(between, target)}")


def _summary(name: str, pairs: Sequence[Pair]) -> tuple[str, ...]:
    ratios = [pair.ratio for pair in pairs]
    quarter = quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
    between = around_median(ratios)
    return (
        name,
        str(len(ratios)),
        f"{median(ratios):.3f}",
        f"{quarter[0]:.3f} to {quarter[2]:.3f}",
        f"{min(ratios):.3f} to {max(ratios):.3f}",
        "needs six pairs" if between is None else f"{between[0]:.3f} to {between[1]:.3f}",
    )
