"""A frame of the live view fits its terminal, and says what matters at every width."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from db.overview import Overview
from db.pace import Pace
from db.values import BatchState, BatchStatus
from sdq.views.live.frame import Shown, frame_lines
from sdq.views.words import time_range
from tests.live.batches import batch, in_hand

TWO = (
    batch("portraits", done=1204, of=2000, failed=2),
    batch("cats", done=104, of=9000, per_hour=310, left_s=(100_800, 111_600)),
)


def frame(
    *batches: BatchStatus, columns: int = 80, lines: int = 24, ascii_only: bool = False
) -> list[str]:
    shown = Shown(
        overview=Overview(
            batches=batches, pace=Pace(images_per_hour=1544, slowest=1400, fastest=1600)
        ),
        in_hand=[in_hand("portraits", prompt="a lighthouse at night")],
        last_path="/home/me/.sdq/outputs/portraits/00013/00013-6.png",
    )
    drawn = frame_lines(shown, columns=columns, lines=lines, ascii_only=ascii_only)
    return [line.plain for line in drawn]


def test_each_batch_and_all_together_then_the_image_in_hand_and_the_last_file() -> None:
    assert frame(*TWO, columns=100) == [
        "portraits  ━━━━━━━━━━━━━━━━╸───────────  60 %   1,204 of 2,000  1,234/h  38 to 41 min left  2 failed",
        "cats       ────────────────────────────   1 %     104 of 9,000    310/h    28 to 31 h left",
        "all        ━━━─────────────────────────  11 %  1,308 of 11,000  1,544/h  6.1 to 6.9 h left  2 failed",
        "step 12 of 20  portraits/13 seed 7  a lighthouse at night",
        "last: /home/me/.sdq/outputs/portraits/00013/00013-6.png",
    ]


def test_one_batch_is_all() -> None:
    assert [line.split()[0] for line in frame(TWO[0])] == ["portraits", "step", "last:"]


def test_a_narrow_terminal_has_what_matters_most() -> None:
    rows = frame(*TWO, columns=40)
    assert rows[0].split() == ["portraits", "60", "%", "38", "to", "41", "min", "2", "failed"]
    assert rows[-2:] == [
        "step 12 of 20  portraits/13 seed 7",
        "last: ...uts/portraits/00013/00013-6.png",
    ]


def test_a_terminal_without_the_letters_has_other_bars() -> None:
    assert "#####" in frame(*TWO, ascii_only=True)[0]
    assert all(line.isascii() for line in frame(*TWO, ascii_only=True))


def test_a_batch_says_why_it_has_no_end() -> None:
    assert frame(batch("b", state=BatchState.PAUSED, left_s=None))[0].endswith("paused")
    assert frame(batch("b", left_s=None, eta_s=2400))[0].endswith("about 40 min left")
    assert " 99 %" in frame(batch("b", done=999, of=1000))[0]
    assert " 100 %" in frame(batch("b", done=990, failed=10, of=1000))[0]


def test_of_many_batches_those_are_shown_that_move() -> None:
    waiting = [batch(f"night-{number}", per_hour=None, left_s=None) for number in range(40)]
    rows = frame(*waiting, TWO[0], lines=12)
    assert len(rows) <= 11
    assert any(row.startswith("portraits") for row in rows)
    assert any(row.startswith("and 3") for row in rows)
    assert rows[-3].startswith("all")


def test_nothing_to_draw_is_said() -> None:
    assert frame()[0] == "Nothing to draw."


@settings(max_examples=30)
@given(
    names=st.lists(st.text(min_size=1, max_size=120), min_size=1, max_size=12),
    prompt=st.text(max_size=200),
    path=st.text(max_size=200),
    columns=st.integers(20, 200),
    lines=st.integers(5, 60),
)
def test_no_line_is_wider_than_the_terminal_and_no_frame_higher(
    names: list[str], prompt: str, path: str, columns: int, lines: int
) -> None:
    batches = [batch(name, done=10**6, of=10**7, failed=10**5) for name in names]
    shown = Shown(
        overview=Overview(batches=batches),
        in_hand=[in_hand(name, prompt=prompt, entry=10**6) for name in names],
        last_path=path,
    )
    drawn = frame_lines(shown, columns=columns, lines=lines, ascii_only=False)
    assert len(drawn) < lines
    for line in drawn:
        assert "\n" not in line.plain
        assert "\x1b" not in line.plain
        assert columns < 40 or cell_len(line.plain) <= columns


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        ((0.0, 0.0), "0 s"),
        ((20, 41), "20 to 41 s"),
        ((2280, 2460), "38 to 41 min"),
        ((2400, 2410), "40 min"),
        ((6480, 7920), "1.8 to 2.2 h"),
        ((100_800, 111_600), "28 to 31 h"),
        ((400_000, 500_000), "4.6 to 5.8 d"),
    ],
)
def test_a_range_of_durations_is_short(seconds: tuple[float, float], text: str) -> None:
    assert time_range(*seconds) == text
