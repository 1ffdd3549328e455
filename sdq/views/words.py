"""Counts, durations, sizes and times for people."""

from __future__ import annotations

from datetime import datetime


def counted(number: int, what: str, several: str | None = None) -> str:
    """Return a number of things as `1 image` or `2,000 images`. several: for a plural without a bare s."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {several or f'{what}s'}"


def duration(seconds: float) -> str:
    """Return a duration as `42 s`, `3 min 20 s`, `2 h 05 min` or `3 d 4 h`."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 and seconds != whole else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


#: Estimates up to so many seconds are good to so many.
_GOOD_TO_S = ((600.0, 10), (3600.0, 60), (86400.0, 300), (float("inf"), 3600))


def rough_duration(seconds: float) -> str:
    """Return an estimated duration as `9.6 s`, `3 min 20 s`, `47 min`, `5 h 20 min` or `3 d 4 h`."""
    if seconds < 59.5:
        return duration(seconds)
    step = next(good_to for limit, good_to in _GOOD_TO_S if seconds < limit)
    rest = round(seconds / step) * step
    shown = []
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, rest = divmod(rest, length)
        if count:
            shown.append(f"{count} {unit}")
    return " ".join(shown)


def time_range(shortest_s: float, longest_s: float) -> str:
    """Return a range of durations as `38 to 41 min`, `5.9 to 7.0 h`, or `40 min` where both look alike."""
    for unit, unit_s in (("s", 1), ("min", 60), ("h", 3600), ("d", 86400)):
        if longest_s < 100 * unit_s or unit == "d":
            break
    decimals = 1 if unit in {"h", "d"} and longest_s < 10 * unit_s else 0
    shortest, longest = (f"{s / unit_s:.{decimals}f}" for s in (shortest_s, longest_s))
    return f"{longest} {unit}" if shortest == longest else f"{shortest} to {longest} {unit}"


def milliseconds(ms: float) -> str:
    """Return a duration as `3.2 ms`, `950 ms`, `21.4 s` or longer ones as `duration` does."""
    if ms >= 999.5:
        return f"{ms / 1000:.1f} s" if ms < 99_950 else duration(ms / 1000)
    return f"{ms:.0f} ms" if ms >= 9.95 else f"{ms:.1f} ms"


def size(count: float) -> str:
    """Return a size in bytes as `830 bytes`, `41.2 kB` or `3.1 GB`."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def local_time(moment: datetime) -> str:
    """Return a time in this machine's zone, as `2026-11-26 02:51:33`."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")
