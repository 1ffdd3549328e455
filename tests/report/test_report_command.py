"""`sdq report` as text and JSON, and what it refuses."""

from __future__ import annotations

import json
import re
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sdq_core.errors import SdqError
from tests.ledger.nights import draw
from tests.ledger.plans import plan
from tests.report.conftest import Home


@pytest.fixture
def night(home: Home) -> Home:
    home.ledger.submissions.add(plan(["a lighthouse", "b\x1b[2J"], range(4), name="night"))
    draw(home.ledger, "night", "DDFccccc", every_s=120, store=home.store)
    return home


def refusal(home: Home, *arguments: str) -> SdqError:
    result = home.report(*arguments)
    assert isinstance(result.exception, SdqError), result.exception
    assert result.stdout == ""
    assert "\n" not in str(result.exception)
    return result.exception


def test_text_says_how_it_went(night: Home) -> None:
    result = night.report("night")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "night: 7 of 8 images are drawn, 1 failed."
    assert lines[1] == "Sun 1 Mar 2026 22:00 to 22:14 CET (UTC+01:00), 14 min 00 s"
    assert "    sdq retry night" in lines
    assert "  1 x EngineDiedError: The engine (process 1002) ended by SIGABRT." in lines
    assert "  night prompt 1 seed 2, 1 attempt(s): a lighthouse" in lines
    assert "  night prompt 2, 5 tokens cut: b\\x1b[2J" in lines
    assert "\x1b" not in result.stdout


def test_json_has_the_ledgers_numbers(night: Home) -> None:
    report = json.loads(night.report("night", "--json").stdout)
    status = night.ledger.batches.find("night")
    assert status is not None
    assert report["images"] == {
        "done": status.completed, "failed": status.failed, "open": 0, "drawn_before": 0, "retried": 0, "flagged": 0,
        "constant": 0, "near_duplicates": 0,
    }  # fmt: skip
    assert report["batch"]["request_counts"]["completed"] == 7
    assert (report["first_at"], report["last_at"]) == (
        "2026-03-01T21:00:00Z",
        "2026-03-01T21:14:00Z",
    )
    steps = report["throughput"]["steps"]
    assert (sum(s["done"] for s in steps), sum(s["failed"] for s in steps)) == (7, 1)
    (failure,) = report["failures"]
    assert (failure["count"], failure["retry"]) == (1, ["sdq retry night"])
    assert report["cut_prompts"]["first"][0]["entry"] == 2
    drawn = list(night.ledger.batches.images("night"))
    assert report["stages"]["denoise_ms"]["total"] == sum(i.image.denoise_ms for i in drawn)
    assert [i["path"] for i in report["sample"]["images"]] == [i.image.path for i in drawn]
    assert report["next"] == [{"why": "1 image of night failed.", "command": "sdq retry night"}]


def test_a_night_in_which_the_clocks_change_has_every_hour_once(home: Home) -> None:
    """At 02:00 CET it is 03:00 CEST."""
    home.ledger.submissions.add(plan(["a"], range(25), name="-spring"))
    begin = datetime(2026, 3, 28, 23, 30, tzinfo=UTC)
    draw(home.ledger, "-spring", "D" * 24 + "F", begin=begin, every_s=600, store=home.store)
    report = json.loads(home.report("--json", "--", "-spring").stdout)
    assert report["zone"] == "CET (UTC+01:00), then CEST (UTC+02:00)"
    assert report["next"][0]["command"] == "sdq retry -- -spring"
    text = home.report("--", "-spring").stdout
    assert (
        "\nSun 29 Mar 2026 00:30 to 05:30 CET (UTC+01:00), then CEST (UTC+02:00), 4 h 00 min\n"
        in text
    )
    hours = re.findall(r"^  (\d\d:00)  .*?(\d+)(?:  1 failed)?$", text, re.MULTILINE)
    assert hours == [("00:00", "3"), ("01:00", "6"), ("03:00", "6"), ("04:00", "6"), ("05:00", "3")]


def test_a_page_and_json_at_once(night: Home, tmp_path: Path) -> None:
    page = tmp_path / "made" / "report.html"
    result = night.report("night", "--json", "--html", str(page))
    assert json.loads(result.stdout)["images"]["done"] == 7
    assert page.read_text().startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ((), 2, "Name a batch, or a time"),
        (("--since", "soon"), 2, "--since: 'soon' is not a time: write 22:00"),
        (("--since", "9999-01-01"), 2, "is in the future"),
        (("nights",), 66, "There is no batch 'nights'"),
        (("nights", "--since", "22:00"), 66, "There is no batch 'nights'"),
    ],
)
def test_what_it_cannot_do_is_said_in_a_sentence(
    night: Home, arguments: tuple[str, ...], code: int, says: str
) -> None:
    error = refusal(night, *arguments)
    assert error.exit_code == code
    assert says in str(error)


def test_without_a_ledger_nothing_is_made(home: Home, tmp_path: Path) -> None:
    result = home.report("--since", "22:00", "--database-url", f"sqlite:///{tmp_path / 'no.db'}")
    assert isinstance(result.exception, SdqError)
    assert result.exception.exit_code == 66
    assert not (tmp_path / "no.db").exists()


@pytest.mark.parametrize("place", ["file/report.html", "folder", "/dev/null"])
def test_a_page_that_has_no_place_is_refused(night: Home, tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    error = refusal(night, "night", "--html", str(tmp_path / place))
    assert error.exit_code == 73
    assert Path("/dev/null").is_char_device()


@contextmanager
def files_of_at_most(size_bytes: int) -> Iterator[None]:
    """As a full disk, but for this process: the system refuses to write more into a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_page_that_cannot_be_written_leaves_the_former_one(night: Home, tmp_path: Path) -> None:
    page, link = tmp_path / "former.html", tmp_path / "link.html"
    page.write_text("the former one")
    link.symlink_to(page)
    with files_of_at_most(1000):
        error = refusal(night, "night", "--html", str(link))
    assert error.exit_code == 74
    assert page.read_text() == "the former one"
    night.report("night", "--html", str(link))
    assert link.is_symlink()
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert {path.name for path in tmp_path.iterdir()} == {"home", "former.html", "link.html"}
