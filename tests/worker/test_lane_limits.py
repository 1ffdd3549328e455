"""The command that watches the lanes ends them when their time is over, and passes on what they say."""

from __future__ import annotations

import sys

from producer.reading.words import parse_lanes
from worker.lanes import LaneSupervisor


def test_lanes_end_with_their_time_and_are_not_started_again() -> None:
    looks: list[int] = []

    def end() -> str | None:
        looks.append(1)
        return "It is time." if len(looks) > 2 else None

    supervisor = LaneSupervisor(
        parse_lanes("original:CPU_AND_GPU,split_einsum:CPU_AND_NE"),
        lambda _number: ["sleep", "60"],
        burst=False,
        look=lambda: None,
        end=end,
    )
    assert supervisor.run() == 0
    assert supervisor.stopping


def test_what_lanes_say_is_passed_on_line_by_line_to_their_last_word() -> None:
    said: list[str] = []
    program = "import sys; sys.stderr.write('first\\n\\x1b[2Jsecond\\nlast'); sys.exit(3)"
    supervisor = LaneSupervisor(
        parse_lanes("original:CPU_AND_GPU,split_einsum:CPU_AND_NE"),
        lambda number: [sys.executable, "-c", program if number else "pass"],
        burst=True,
        look=lambda: None,
        say=said.append,
    )
    assert supervisor.run() == 3
    assert said == ["first", "\\x1b[2Jsecond", "last"]


def test_lanes_that_close_their_standard_error_are_no_trouble() -> None:
    supervisor = LaneSupervisor(
        parse_lanes("original:CPU_AND_GPU"),
        lambda _number: ["sh", "-c", "exec 2>&-; sleep 0.3"],
        burst=True,
        look=lambda: None,
        say=[].append,
    )
    assert supervisor.run() == 0
