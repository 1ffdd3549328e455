"""Histograms as SVG files, which a card shows as pictures: readable on light and on dark pages."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sdq.views.report.markup import Markup, element

_WIDTH, _HEIGHT = 640, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 8, 8, 24, 168
_MOST_BARS = 24
_LEAST_PIXELS = 2.0
#: Greys and a blue with enough contrast on white and on black.
_STYLE = "text{font:12px sans-serif;fill:#767676}rect{fill:#3b82c4}line{stroke:#767676}"


@dataclass(frozen=True, kw_only=True)
class Bin:
    """The images whose number is at least `begin` and less than `end`, or at most in the last one."""

    begin: float
    end: float
    images: int


def bins_of(numbers: Mapping[float, int]) -> Sequence[Bin]:
    """Return the images by equal ranges of their number, which begin at round ones. numbers: at least one."""
    least, most = min(numbers), max(numbers)
    step = _round_step((most - least) / _MOST_BARS) if most > least else 1.0
    whole = all(number == round(number) for number in numbers)
    if whole:
        step = max(1.0, step)
    first = math.floor(round(least / step, 6))
    last = math.floor(round(most / step, 6))
    counts = [0] * (last - first + 1)
    for number, images in numbers.items():
        counts[math.floor(round(number / step, 6)) - first] += images
    return [
        Bin(
            begin=(first + place) * step,
            end=(first + place + 1) * step - (1 if whole else 0),
            images=images,
        )
        for place, images in enumerate(counts)
    ]


def histogram(title: str, numbers: Mapping[float, int]) -> str:
    """Return the images by number as the text of an SVG file. numbers: number -> images, at least one."""
    bins = bins_of(numbers)
    each = (_WIDTH - _LEFT - _RIGHT) / len(bins)
    most = max(one.images for one in bins)
    drawn = element(
        "svg",
        element("title", title),
        element("style", Markup(_STYLE)),
        element("text", title, x=_LEFT, y=15),
        element("text", f"up to {most:,} images", x=_WIDTH - _RIGHT, y=15, text_anchor="end"),
        *(_bar(one, number, each, most) for number, one in enumerate(bins)),
        element("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=_BOTTOM, y2=_BOTTOM),
        *_axis(bins, each),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        width=_WIDTH,
        height=_HEIGHT,
        role="img",
    )
    return f"{drawn}\n"


def figure(number: float) -> str:
    """Return a number as an axis shows it."""
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.4g}"


def _bar(one: Bin, number: int, each: float, most: int) -> Markup | None:
    if not one.images:
        return None
    height = max(_LEAST_PIXELS, one.images / most * (_BOTTOM - _TOP))
    reach = (
        figure(one.begin) if one.begin == one.end else f"{figure(one.begin)} to {figure(one.end)}"
    )
    return element(
        "rect",
        element("title", f"{reach}: {one.images:,}"),
        x=f"{_LEFT + (number + 0.08) * each:.1f}",
        y=f"{_BOTTOM - height:.1f}",
        width=f"{each * 0.84:.1f}",
        height=f"{height:.1f}",
    )


def _axis(bins: Sequence[Bin], each: float) -> Sequence[Markup]:
    """Return numbers below the bars, as many as there is room for: where each range begins."""
    every = -(-len(bins) // 8)
    single = bins[0].begin == bins[0].end
    return [
        element(
            "text",
            figure(bins[place].begin),
            x=f"{_LEFT + (place + (0.5 if single else 0.08)) * each:.1f}",
            y=_BOTTOM + 18,
            text_anchor="middle" if single else "start",
        )
        for place in range(0, len(bins), every)
    ]


def _round_step(least: float) -> float:
    """Return the smallest of 1, 2, 5, 10 and so on, or their tenths and so on, that is not less."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * digit for digit in (1, 2, 5, 10) if power * digit >= least * (1 - 1e-9))
