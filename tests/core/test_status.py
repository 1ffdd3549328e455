"""What `sdq status` prints, and what it imports for that."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from db.values import BatchState, BatchStatus, PausedVariant
from sdq.views.status import status_lines
from sdq_core.values.order import Priority, Rank
from tests.ledger.plans import VARIANT

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ORDINARY = Rank()

#: Each of these takes longer to import than all that status does.
NOT_NEEDED = ("rich", "rq", "redis", "alembic", "numpy", "PIL", "sqlalchemy.dialects.postgresql")


def batch(
    name: str, *, completed: int = 0, total: int = 1_000_000, rank: Rank = ORDINARY
) -> BatchStatus:
    return BatchStatus(
        id=1,
        name=name,
        state=BatchState.ACTIVE,
        rank=rank,
        source="-",
        created_at=NOON,
        started_at=NOON,
        completed_at=None,
        total=total,
        completed=completed,
        failed=0,
        images_per_hour=1234.5,
        eta_s=7200.0,
    )


def test_columns_are_aligned_whatever_the_names() -> None:
    titles, *rows = status_lines([batch("prompts", completed=12), batch("灯台とimages")], [], [])
    assert titles == "batch         status       done         of    %  failed  images/h        left"
    assert (
        rows[0] == "prompts       in_progress    12  1,000,000  0.0             1,234  2 h 00 min"
    )
    assert (
        rows[1] == "灯台とimages  in_progress     0  1,000,000    0             1,234  2 h 00 min"
    )


def test_a_place_in_the_order_is_shown_where_it_is_not_the_ordinary_one() -> None:
    shown = [
        batch("a", rank=Rank(priority=Priority.LOW)),
        batch("b", rank=Rank(priority=Priority.HIGH, place=3)),
        batch("c", rank=Rank(place=3)),
    ]
    lines = status_lines(shown, [], [])[1:]
    assert [re.split("  +", line)[1] for line in lines] == [
        "in_progress, low", "in_progress, high, front", "in_progress, front",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "columns"),
    [("灯台", 4), ("ａｂ", 4), ("e\u0301t\u00e9", 3), ("👩‍👩‍👧", 2), ("👍🏽", 2)],
)
def test_a_name_takes_the_columns_that_a_terminal_gives_it(name: str, columns: int) -> None:
    """An emoji takes two, of however many characters it is made."""
    titles, row = status_lines([batch(name)], [], [])
    assert row.startswith(name + " " * (titles.index("status") - columns) + "in_progress")


def test_a_name_cannot_write_to_the_terminal() -> None:
    lines = status_lines([batch("a\x1b[2Jb\nc")], [], [])
    assert lines[1].startswith("a\\x1b[2Jb c  in_progress")
    held = PausedVariant(variant=VARIANT, reason="failed: \x1b]0;title\x07", since=NOON)
    (*_, reason, remedy) = status_lines([batch("a")], [], [held])
    assert reason == "paused: demo original on ALL: failed: \\x1b]0;title\\x07"
    assert remedy == f"  resume it with: sdq resume --variant-key {VARIANT.key}"


def test_status_imports_no_more_than_it_needs(tmp_path: Path) -> None:
    program = (
        "import sys; from click.testing import CliRunner; from sdq.cli import cli; "
        f"result = CliRunner().invoke(cli, ['status', '--home', {str(tmp_path)!r}]); "
        "assert result.output.startswith('No batches yet'), result; "
        f"sys.exit(' '.join(name for name in {NOT_NEEDED!r} if name in sys.modules))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert result.stderr.strip() == ""
