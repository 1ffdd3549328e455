"""Names with a date in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from sdq_core.errors import UsageError
from sdq_core.values.dated import dated, undated
from tests.core.commands import Commands
from tests.core.zone import utc


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("nightly-{date}", "nightly-2026-11-27"),  # midnight has passed here, not in UTC
        ("{date}-{time}", "2026-11-27-0015"),
        ("plain", "plain"),
        ("{ } and }{", None),
        ("}{", "}{"),
        ("{", "{"),
    ],
)
def test_tokens_are_those_of_the_local_clock(name: str, meant: str | None, berlin: None) -> None:
    now = utc("2026-11-26T23:15")
    if meant is None:
        with pytest.raises(UsageError, match=r"Only \{date\} and \{time\} are known"):
            dated(name, now)
    else:
        assert dated(name, now) == meant


def test_a_name_without_its_tokens_is_what_stays_the_same() -> None:
    assert undated("nightly-{date}{time}") == "nightly-"


@pytest.mark.parametrize("command", ["submit", "run"])
def test_an_unknown_token_is_refused_with_those_there_are(command: str, sdq: Commands) -> None:
    said = sdq(command, "--prompt", "x", "--batch", "n-{day}", code=2).err
    assert said == "sdq: The name 'n-{day}' has '{day}' in it. Only {date} and {time} are known.\n"
    assert not sdq.home.exists()


def test_a_plan_shows_the_name(sdq: Commands, tmp_path: Path) -> None:
    said = sdq("submit", "--prompt", "x", "--batch", "n-{date}", "--dry-run", "--json").json
    assert said["batch"].startswith("n-20")
    assert len(said["batch"]) == len("n-2026-11-26")
