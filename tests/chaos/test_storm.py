"""The short form of the storm; the long one is ``make chaos SECONDS=600``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.bounds import Bounds
from tests.chaos.outcome import violations
from tests.chaos.report import describe
from tests.chaos.storm import rage
from tests.chaos.weather import Weather

#: A few recoveries, beside other tests: these bounds only notice a slice that is not taken up at all.
_BUSY = Bounds(same_host_median_s=60, same_host_worst_s=60, other_host_median_s=60)


@pytest.mark.timeout(240)
def test_a_short_storm_loses_nothing_and_draws_nothing_twice(tmp_path: Path) -> None:
    weather = Weather(
        seconds=16, seed=11, workers=2, every_s=1, longest_s=2, backlog=24, kills=4, bounds=_BUSY
    )
    outcome = rage(tmp_path, weather)
    assert violations(outcome) == [], describe(outcome)
    assert outcome.kills >= 3
    assert outcome.reckoning is not None
    assert outcome.reckoning.rows > 20
