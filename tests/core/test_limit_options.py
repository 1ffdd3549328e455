"""Times, hours and limits that make no sense end a command before it begins."""

from __future__ import annotations

import sys

import pytest

from tests.core.commands import Commands


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("worker", "--until", "7 am"), "'7 am' is not a time of day: write 07:00 or 22:30."),
        (("worker", "--hours", "22:00"), "'22:00' are not hours: write 22:00-07:00."),
        (("worker", "--hours", "22:00-22:00"), "The hours '22:00-22:00' never begin"),
        (("worker", "--pause-when-hot"), "--pause-when-hot works on Macs only"),
        (("run", "--prompt", "a", "--until", "24:00"), "'24:00' is not a time of day"),
    ],
)
def test_they_are_refused_in_a_sentence(
    sdq: Commands, arguments: tuple[str, ...], said: str
) -> None:
    if "--pause-when-hot" in arguments and sys.platform == "darwin":
        pytest.skip("it is for Macs")
    refused = sdq(*arguments, code=2)
    assert refused.err.startswith(f"sdq: {said}")
    assert refused.err.count("\n") == 1
    assert not sdq.home.exists()


@pytest.mark.parametrize("option", ["--max-images", "--max-minutes"])
def test_no_worker_is_limited_to_nothing(sdq: Commands, option: str) -> None:
    assert option in sdq("worker", option, "0", code=2).err
    assert not sdq.home.exists()
