"""A submission's costs as lines for people. What there is nothing to say about has no line."""

from __future__ import annotations

from sdq.views.forecast import Forecast
from sdq.views.share import Share, Span
from sdq.views.space import Space
from sdq.views.words import counted, duration, rough_duration, size
from sdq_core.printable import printable

_NO_TIMINGS = "no timings yet: run `sdq bench`, or draw a few"


def cost_lines(expected: Forecast, *, in_full: bool) -> list[str]:
    """Return what is expected of time and space.

    in_full: also each of several variants, what is not known, and a need of space that is only a bound and no trouble.
    """
    lines = _time_lines(expected, in_full=in_full) + _space_lines(expected.space, in_full=in_full)
    return [printable(line) for line in lines]


def too_large(space: Space) -> str | None:
    """Return a clause that says that the disk will not do; None if it will, or if that is not known."""
    if space.suffices is not False or space.free_bytes is None:
        return None
    return f"{_need(space)}, but only {size(space.free_bytes)} are free in {space.where}"


def _time_lines(expected: Forecast, *, in_full: bool) -> list[str]:
    shares = expected.shares
    untimed = sum(share.images for share in shares if share.span is None)
    images = sum(share.images for share in shares)
    if untimed == images:
        return [f"Time: {_NO_TIMINGS}."] if images and in_full else []
    said = f"Time: {_span(expected.known_span)} for one worker"
    if untimed:
        said += f" and {images - untimed:,} of {images:,} images"
    if len(shares) == 1:
        return [f"{said}, {_each(shares[0])}."]
    if not in_full:
        return [f"{said}, with {len(shares)} variants."]
    return [f"{said}. A worker begins with the variant in its memory:", *map(_share, shares)]


def _share(share: Share) -> str:
    cost = f"{_span(share.span)}, {_each(share)}" if share.span else _NO_TIMINGS
    return f"  {share.variant}: {counted(share.images, 'image')}, {cost}"


def _each(share: Share) -> str:
    """Return the time of one image, and who says so."""
    each = f"{duration(share.image_s or 0.0)} an image"
    return each if share.timed_images else f"{each} by `sdq bench`"


def _span(span: Span) -> str:
    typical, low, high = map(rough_duration, (span.typical_s, span.low_s, span.high_s))
    return f"about {typical}" if low == high else f"about {typical} ({low} to {high})"


def _space_lines(space: Space, *, in_full: bool) -> list[str]:
    if not space.needed_bytes:
        return []
    if space.problem:
        return [f"Disk: {_need(space)}. {space.problem}"]
    if trouble := too_large(space):
        return [f"Disk: {trouble}."]
    if space.is_bound and not in_full:
        return []
    free = "" if space.free_bytes is None else f", {size(space.free_bytes)} are free"
    return [f"Disk: {_need(space)}{free}."]


def _need(space: Space) -> str:
    if space.is_bound:
        need = f"at most {size(space.needed_bytes)} (no image of this size was drawn yet)"
    else:
        need = f"about {size(space.needed_bytes)}"
    if space.waiting_bytes:
        need += f", {size(space.total_bytes)} with what waits already"
    return need
