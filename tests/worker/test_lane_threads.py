"""Lanes divide the machine's cores among their runtimes."""

from __future__ import annotations

import os

import pytest

from worker.lanes import threads_per_lane


@pytest.mark.parametrize(
    ("cores", "lanes", "threads"), [(8, 2, 4), (8, 3, 2), (2, 2, 1), (1, 4, 1)]
)
def test_lanes_share_the_cores(
    monkeypatch: pytest.MonkeyPatch, cores: int, lanes: int, threads: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(cores)), raising=False)
    assert threads_per_lane(lanes) == threads


def test_a_system_without_affinities_counts_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert threads_per_lane(2) == 3
