"""One frame of the live view, as lines that fit the terminal.

portraits  ━━━━━━━━━━━━━━━━━╸───────────  60 %   1,204 of 2,000  1,234/h  38 to 41 min left  2 failed
cats       ─────────────────────────────   1 %     104 of 9,000    310/h    28 to 31 h left
all        ━━━──────────────────────────  11 %  1,308 of 11,000  1,544/h  6.1 to 6.9 h left  2 failed
step 12 of 20  portraits/13 seed 7  a lighthouse at night, oil on canvas
last: /home/me/.sdq/outputs/portraits/00013/00013-6.png
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from db.overview import Overview
from db.values import BatchState, BatchStatus
from sdq.views.words import counted, time_range
from sdq_core.printable import printable
from sdq_core.queue.in_hand import InHand

_GAP = 2
_SHORTEST_NAME = 10
_BAR = range(10, 41)
_MOST_BATCHES = 10
_MOST_IN_HAND = 4

#: Which columns stand beside a batch's name, the widest choice that fits. Failures are never left out.
_LAYOUTS = (
    ("bar", "percent", "done", "rate", "left", "failed"),
    ("bar", "done", "rate", "left", "failed"),
    ("bar", "done", "left", "failed"),
    ("done", "left", "failed"),
    ("percent", "time", "failed"),
    ("percent", "failed"),
)
_STYLES = {"failed": "red", "rate": "dim"}
_FULL, _HALF, _EMPTY = "━", "╸", "─"


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What a frame shows.

    in_hand: the images that are being drawn.
    last_path: of the newest image, None if there is none.
    notes: lines below, wrapped to the terminal's width.
    """

    overview: Overview
    in_hand: Sequence[InHand] = ()
    last_path: str | None = None
    notes: Sequence[Text] = ()


@dataclass(frozen=True, kw_only=True)
class _Row:
    """A batch, or all. share: of its images that are settled. cells: column -> text."""

    name: str
    share: float
    cells: Mapping[str, str]
    style: str = ""


def frame_lines(shown: Shown, *, columns: int, lines: int, ascii_only: bool) -> list[Text]:
    """Return the lines of a frame, none wider than the terminal and no more than it has.

    ascii_only: the terminal's encoding has no letters to draw bars with.
    """
    below = [*_in_hand(shown, columns), *_last(shown.last_path, columns), *shown.notes]
    below = below[: max(lines - 4, 0)]
    room = max(lines - len(below) - 1, 1)
    return [*_batches(shown.overview, columns, room, ascii_only=ascii_only), *below]


def _batches(overview: Overview, columns: int, room: int, *, ascii_only: bool) -> Iterator[Text]:
    batches = overview.batches
    if not batches:
        yield _line("Nothing to draw.", "dim")
        return
    several = len(batches) > 1
    most = min(max(room - 2 * several, 1), _MOST_BATCHES)
    # Those that move, where not all have room.
    chosen = sorted(batches, key=lambda batch: (batch.images_per_hour is None, batch.id))[:most]
    rows = [_row(batch) for batch in batches if batch in chosen]
    left_out = len(batches) - len(rows)
    if several:
        rows.append(_all(overview))
    table = _table(rows, columns, ascii_only=ascii_only)
    yield from table[: len(table) - several]
    if left_out:
        yield _line(
            _fitted(f"and {counted(left_out, 'more batch', 'more batches')}", columns), "dim"
        )
    yield from table[len(table) - several :]


def _row(batch: BatchStatus) -> _Row:
    is_moving = batch.state is BatchState.ACTIVE and not batch.completed_at
    return _Row(
        name=_one_line(batch.name),
        share=_share(batch.completed + batch.failed, batch.total),
        cells=_cells(
            completed=batch.completed, failed=batch.failed, total=batch.total,
            per_hour=batch.images_per_hour,
            time=_time(batch.eta_s, batch.eta_range_s) if is_moving else "",
            state="" if batch.state is BatchState.ACTIVE else str(batch.state),
        ),
    )  # fmt: skip


def _all(overview: Overview) -> _Row:
    batches, pace = overview.batches, overview.pace
    completed, failed, total = (
        sum(getattr(batch, name) for batch in batches) for name in ("completed", "failed", "total")
    )
    open_ = sum(
        batch.total - batch.completed - batch.failed
        for batch in batches
        if batch.state is BatchState.ACTIVE
    )
    return _Row(
        name="all",
        share=_share(completed + failed, total),
        cells=_cells(
            completed=completed, failed=failed, total=total,
            per_hour=pace.images_per_hour if pace else None,
            time=_time(pace.time_for(open_), pace.range_for(open_)) if pace else "",
        ),
        style="bold",
    )  # fmt: skip


def _share(settled: int, total: int) -> float:
    return settled / total if total else 1.0


def _cells(
    *,
    completed: int,
    failed: int,
    total: int,
    per_hour: float | None,
    time: str,
    state: str = "",
) -> dict[str, str]:
    share = _share(completed + failed, total)
    return {
        # Only what is completely finished shows 100 %.
        "percent": f"{100 if share == 1 else min(int(share * 100), 99)} %",
        "done": f"{completed:,} of {total:,}",
        "rate": "" if per_hour is None else f"{per_hour:,.{1 if per_hour < 100 else 0}f}/h",
        "left": f"{time} left" if time else state,
        "time": time or state,
        "failed": f"{failed:,} failed" if failed else "",
    }


def _time(eta_s: float | None, range_s: tuple[float, float] | None) -> str:
    if eta_s is None:
        return ""
    return time_range(*range_s) if range_s else f"about {time_range(eta_s, eta_s)}"


def _table(rows: Sequence[_Row], columns: int, *, ascii_only: bool) -> list[Text]:
    """Align rows in the widest layout that fits."""
    names = max(cell_len(row.name) for row in rows)
    widths = {name: max(len(row.cells[name]) for row in rows) for name in rows[0].cells}
    for layout in _LAYOUTS:
        used = [name for name in layout if widths.get(name, _BAR.start)]
        beside = sum(widths[name] for name in used if name != "bar") + _GAP * len(used)
        bar = _BAR.start if "bar" in used else 0
        if columns - beside - bar >= min(names, _SHORTEST_NAME):
            break
    for_name = min(names, max(columns - beside - bar, 1))
    if bar:
        for_name = min(for_name, columns // 3)
        bar = min(columns - beside - for_name, _BAR[-1])
    return [_aligned(row, used, widths, for_name, bar, ascii_only=ascii_only) for row in rows]


def _aligned(
    row: _Row,
    used: Sequence[str],
    widths: Mapping[str, int],
    for_name: int,
    bar: int,
    *,
    ascii_only: bool,
) -> Text:
    line = _line(set_cell_size(_fitted(row.name, for_name), for_name), row.style)
    for column in used:
        line.append(" " * _GAP)
        if column == "bar":
            full, rest = _bar(row.share, bar, ascii_only=ascii_only)
            line.append(full, "green").append(rest, "dim")
        else:
            line.append(row.cells[column].rjust(widths[column]), _STYLES.get(column))
    line.rstrip()
    return line


def _bar(share: float, columns: int, *, ascii_only: bool) -> tuple[str, str]:
    halves = int(share * columns * 2)
    if ascii_only:
        return "#" * (halves // 2), "-" * (columns - halves // 2)
    full = _FULL * (halves // 2) + _HALF * (halves % 2)
    return full, _EMPTY * (columns - len(full))


def _in_hand(shown: Shown, columns: int) -> Iterator[Text]:
    images = sorted(shown.in_hand, key=lambda image: (image.batch, image.entry, image.seed))
    for image in images[:_MOST_IN_HAND]:
        step = f"step {image.step} of {image.steps}"
        which = f"/{image.entry} seed {image.seed}"
        room = max(columns - len(step) - len(which) - _GAP, _SHORTEST_NAME)
        line = f"{step}  {_fitted(_one_line(image.batch), room)}{which}"
        room = columns - cell_len(line) - _GAP
        text = _line(_fitted(line, columns))
        if room >= _SHORTEST_NAME:
            text.append(" " * _GAP).append(_fitted(_one_line(image.prompt), room), "dim")
        yield text
    more = len(images) - _MOST_IN_HAND
    if more > 0:
        yield _line(_fitted(f"and {counted(more, 'more image')} in hand", columns), "dim")


def _last(path: str | None, columns: int) -> Iterator[Text]:
    """Yield a path, shortened at its beginning: its end tells more."""
    if path is None:
        return
    shown, begins = _one_line(path), "last: "
    if cell_len(begins + shown) > columns:
        begins += "..."
        while shown and cell_len(begins + shown) > columns:
            shown = shown[1:]
    yield _line(begins + shown, "dim")


def _one_line(text: str) -> str:
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


def _line(text: str, style: str = "") -> Text:
    return Text(text, style=style, no_wrap=True, overflow="crop", end="\n")


def _fitted(text: str, columns: int) -> str:
    """Shorten a text to so many columns of a terminal."""
    if cell_len(text) <= columns:
        return text
    return set_cell_size(text, max(columns - 3, 0)) + "..."[:columns]
