"""A batch is meant by its name, its id, or a beginning that no other name has."""

from __future__ import annotations

import unicodedata

import pytest

from db.ledger import Ledger
from sdq.cli.batch import named_batch
from sdq_core.errors import InputMissingError, SdqError, UsageError
from tests.core.commands import Commands
from tests.ledger.plans import plan

NAMES = ("night", "nightly", "nightly-2", "Zürich", "2026-11", "100%_a", "100x_a")


@pytest.fixture
def known(ledger: Ledger) -> Ledger:
    for name in NAMES:
        ledger.submissions.add(plan([name], [0], name=name))
    return ledger


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("night", "night"),  # also the beginning of others
        ("nightly", "nightly"),
        ("nightly-", "nightly-2"),
        ("Z", "Zürich"),
        (unicodedata.normalize("NFD", "Zü"), "Zürich"),
        ("2", "nightly"),  # an id goes before a beginning
        ("20", "2026-11"),
        ("100%", "100%_a"),  # no wildcards
    ],
)
def test_a_name_an_id_or_a_beginning_is_enough(known: Ledger, given: str, meant: str) -> None:
    assert named_batch(known, given).name == meant


@pytest.mark.parametrize(
    ("given", "kind", "says"),
    [
        ("nigh", UsageError, "could be nightly-2, nightly or night. Name one of them."),
        (
            "NIGHTLY-",
            InputMissingError,
            "There is no batch 'NIGHTLY-'. The newest: 100x_a, 100%_a,",
        ),
        ("", InputMissingError, "There is no batch ''"),
        ("%", InputMissingError, "There is no batch '%'"),
        ("\udcff", InputMissingError, "There is no batch"),  # no text
    ],
)
def test_what_means_no_batch_or_several_is_refused_with_their_names(
    known: Ledger, given: str, kind: type[SdqError], says: str
) -> None:
    with pytest.raises(kind) as raised:
        named_batch(known, given)
    assert says in str(raised.value)


def test_where_it_cannot_be_undone_a_name_has_to_be_whole(known: Ledger) -> None:
    assert named_batch(known, "nightly-2", whole=True).name == "nightly-2"
    assert named_batch(known, "3", whole=True).name == "nightly-2"
    with pytest.raises(InputMissingError, match="'nightly-', only nightly-2"):
        named_batch(known, "nightly-", whole=True)


def test_many_candidates_are_counted(ledger: Ledger) -> None:
    for number in range(9):
        ledger.submissions.add(plan(["a"], [number], name=f"b{number}"))
    with pytest.raises(UsageError, match="could be b8, b7, b6, b5, b4 or 4 more"):
        named_batch(ledger, "b")


def test_prune_without_a_question_takes_no_beginning(sdq: Commands) -> None:
    """A script that runs again must not remove the next batch that begins like the last."""
    with sdq.ledger() as ledger:
        for name in ("week", "week-2"):
            ledger.submissions.add(plan([name], [0], name=name))
    sdq("cancel", "week-")
    sdq("cancel", "week")
    assert "batch week-2: 0 images" in sdq("prune", "week-", "--dry-run").err
    assert "no batch 'wee', only" in sdq("prune", "wee", "--yes", code=66).err
    assert sdq("ls", "-q").out == "week-2\nweek\n"
