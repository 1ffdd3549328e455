"""Which compute units make a difference here."""

from __future__ import annotations

import sys

import pytest

from sdq_core.values.variants import ComputeUnit
from worker.runtimes.choice import distinct_compute_units


@pytest.mark.skipif(sys.platform == "darwin", reason="a Mac draws with Core ML")
def test_one_stands_for_all_on_the_portable_runtime() -> None:
    assert distinct_compute_units() == (ComputeUnit.ALL,)


def test_core_ml_tells_all_of_them_apart(coreml, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert distinct_compute_units() == tuple(ComputeUnit)
