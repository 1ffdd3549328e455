"""The command that watches the lanes ends them when their time is over."""

from __future__ import annotations

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
