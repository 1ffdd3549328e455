"""Charts as inline SVG: sizes in percent across and in pixels down, so that text keeps its size on every screen.

Their colours are classes of the page's style sheet. What a chart shows also stands in a table beside it.
"""

from __future__ import annotations

from collections.abc import Sequence

from db.summaries.values import Summary
from sdq.views.report.clock import Bar, clock, day_and_time, step_words, ticks
from sdq.views.report.markup import Markup, element, joined
from sdq.views.words import counted

_TOP, _BOTTOM, _HEIGHT = 10, 270, 296
_LEAST_PIXELS = 2.0
_BAR_SHARE = 0.82
_MOST_TICKS = 7
_MOST_LINES = 5


def throughput_chart(summary: Summary, shown: Sequence[Bar], step_s: int) -> Markup:
    """Return the settled images over time as bars, failed ones on top."""
    lines = _lines(max(bar.done + bar.failed for bar in shown))
    scale = (_BOTTOM - _TOP) / lines[-1]
    each = 100 / len(shown)
    what = (
        f"Bars: images drawn and failed each {step_words(step_s)}, from {day_and_time(shown[0].begin)} to "
        f"{day_and_time(shown[-1].end)}. The table beside has the numbers."
    )
    return element(
        "svg",
        *(_grid_line(line, _BOTTOM - line * scale) for line in lines),
        *(
            _bar(bar, step_s, x=number * each, width=each, scale=scale)
            for number, bar in enumerate(shown)
        ),
        *_time_axis(summary, shown),
        class_="throughput",
        role="img",
        aria_label=what,
        width="100%",
        height=_HEIGHT,
    )


def share_bar(share: float, *, beside: bool = False) -> Markup:
    """Return a share of one as a bar in a table's cell; the number stands in another cell."""
    width = _percent(100 * min(1.0, max(share, 0.0)))
    return element(
        "svg",
        element("rect", class_="track", width="100%", height=10, rx=2),
        element("rect", class_="beside" if beside else "done", width=width, height=10, rx=2),
        class_="share",
        aria_hidden="true",
        width="100%",
        height=10,
    )


def _bar(bar: Bar, step_s: int, *, x: float, width: float, scale: float) -> Markup:
    done, failed = _pixels(bar.done, scale), _pixels(bar.failed, scale)
    across = {
        "x": _percent(x + width * (1 - _BAR_SHARE) / 2),
        "width": _percent(width * _BAR_SHARE),
    }
    failures = f", {bar.failed:,} failed" if bar.failed else ""
    times = f"{clock(bar.begin, step_s)} to {clock(bar.end, step_s)}"
    return element(
        "g",
        element("title", f"{times}: {counted(bar.done, 'image')}{failures}"),
        element(
            "rect",
            class_="hit",
            x=_percent(x),
            width=_percent(width),
            y=_TOP,
            height=_BOTTOM - _TOP,
        ),
        element("rect", class_="done", y=f"{_BOTTOM - done:.1f}", height=f"{done:.1f}", **across)
        if done
        else None,
        element(
            "rect",
            class_="failed",
            y=f"{_BOTTOM - done - failed:.1f}",
            height=f"{failed:.1f}",
            **across,
        )
        if failed
        else None,
    )


def _grid_line(value: int, y: float) -> Markup:
    return joined(
        (
            element(
                "line",
                class_="grid" if value else "base",
                x1="0",
                x2="100%",
                y1=f"{y:.1f}",
                y2=f"{y:.1f}",
            ),
            element("text", f"{value:,}", x="100%", y=f"{y:.1f}", dx=8, dy=4),
        )
    )


def _time_axis(summary: Summary, shown: Sequence[Bar]) -> Sequence[Markup]:
    begin = shown[0].begin
    span = shown[-1].end - begin
    axis = []
    for moment, name in ticks(summary, shown, _MOST_TICKS):
        place = 100 * ((moment - begin) / span)
        anchor = "start" if place < 4 else "end" if place > 96 else "middle"
        x = _percent(place)
        axis.append(element("line", class_="base", x1=x, x2=x, y1=_BOTTOM, y2=_BOTTOM + 5))
        axis.append(element("text", name, x=x, y=_BOTTOM + 20, text_anchor=anchor))
    return axis


def _lines(most: int) -> Sequence[int]:
    """Return round numbers from 0 to at least the greatest value."""
    step = 1
    while -(-most // step) > _MOST_LINES:
        step = step * 5 // 2 if str(step)[0] == "2" else step * 2
    return [number * step for number in range(-(-most // step) + 1)]


def _pixels(count: int, scale: float) -> float:
    return max(_LEAST_PIXELS, count * scale) if count else 0.0


def _percent(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".") + "%"
