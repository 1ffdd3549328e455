"""Conditions on images: what they mean, what is refused and how."""

from __future__ import annotations

import warnings
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from db.columns import COLUMNS, parse_columns, parse_sort
from db.columns.where import parse_where
from db.values import FinishedImage, Slice
from sdq_core.errors import UsageError
from tests.ledger.plans import ENGINE, recipe, record

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def image(**changes: Any) -> FinishedImage:
    """A finished image; changes are of its fields, or of its record's or recipe's."""
    drawn = replace(recipe("a red House\nby the sea"), num_inference_steps=30)
    slice_ = Slice(
        id=1, batch_id=1, batch_name="night", wanted=True, entry=3, recipe_id=1, recipe=drawn,
        seeds=(7,), fields={}, created_at=NOW,
    )  # fmt: skip
    own = {
        name: changes.pop(name)
        for name in list(changes)
        if name in FinishedImage.__dataclass_fields__
    }
    of_recipe = {name: changes.pop(name) for name in list(changes) if hasattr(drawn, name)}
    return replace(
        FinishedImage(
            id=1, batch_name="night", entry=3, fields={}, recipe=replace(drawn, **of_recipe), seed=7,
            image=replace(record(slice_, 7, 1), **changes), engine=ENGINE, attempts=1,
            finished_at=datetime(2026, 11, 20, 23, 30, tzinfo=UTC),
        ),
        **own,
    )  # fmt: skip


FIELDS = {
    "custom_id": "it's",
    "tags": ["sea", "Red"],
    "meta": {
        "series": "b", "n": 3, "text": "3.5", "flag": True, "none": None, "list": [1, "x"],
        "deep": {"er": {"x": 1}}, "a.b": 9, "my key": "k", "2nd": 2,
    },
}  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "steps >= 30 and not nsfw_flagged and prompt ~ 'house'",
        "num_inference_steps = 30 AND Steps == 30.0 and 30 <= steps and not 30 != steps",
        "cfg-scale = 7.5 or steps = 1",
        "steps = 1 or steps = 30 and seed = 7",
        "not (steps = 1 or seed = 8)",
        "not not steps = 30",
        "negative = '' and prompt !~ 'dog'",
        r"prompt ~ '\bhouse\b' and prompt ~ '^a' and prompt ~ 'sea$' and prompt ~ 'cat|red'",
        r"prompt ~ 'e{1}d{1,2}' and prompt !~ 'hovse{s<=1}' and prompt !~ '\{|\(|\(|\(|\(|\(|\(|\(|\(|\(|\(|\('",
        "scheduler = 'dpm++ 2m' and scheduler in ('ddim', \"DPMSolverMultistep\")",
        "variant = 'Original' and compute_unit != 'cpu_only' and model = 'demo'",
        "entry in (1, 2, 3) and seed not in (1, -2, 8.5)",
        "'sea' in tags and tags has 'Red' and not tags has 'red' and 'red' not in tags",
        "custom_id = 'it''s' and custom_id = \"it's\" and custom_id < 'j'",
        "meta.series = 'b' and meta.n > 2 and meta.text > 3 and meta.text < 3.6 and meta.flag",
        "meta.deep.er.x = 1 and meta.a.b = 9 and meta.\"my key\" = 'k' and meta.'2nd' = 2",
        "meta.list has 1 and meta.list has 'x' and not meta.list has 2",
        "meta.flag = true and meta.flag != false and not meta.flag = 1",
        "versions.sdq = '0' and concept_scores.concept_00 < 0",
        "finished_at > 2026-11-21 and finished_at < '2026-11-21 01:00' and finished_at > 6d",
        "finished_at >= 2026-11-20T23:30:00+00:00 and 2026-12-01 > finished_at",
        "custom_id is not null and meta.none is null and meta.nothing is null",
        "meta.series in ('a', 'b') and meta.n in (3) and meta.n not in (4, 'x')",
    ],
)
@pytest.mark.usefixtures("berlin")
def test_what_is_true(text: str) -> None:
    where = parse_where(text, now=NOW)
    assert where(image(fields=FIELDS))
    assert not parse_where(f"not ({text})", now=NOW)(image(fields=FIELDS))


@pytest.mark.parametrize(
    "text",
    [
        "nsfw_flagged", "nsfw_flagged = false", "nsfw_flagged != true", "custom_id != 'x'", "custom_id !~ 'x'",
        "custom_id not in ('x')", "tags has 'x'", "'x' not in tags", "meta.x > 0", "meta.x != 0", "meta.x",
        "dynamic.template ~ '.'",
    ],
)  # fmt: skip
def test_a_missing_value_makes_each_test_false_and_not_turns_it_round(text: str) -> None:
    unchecked = image(nsfw_flagged=None)
    assert not parse_where(text)(unchecked)
    assert parse_where(f"not {text}")(unchecked)


def test_own_fields_of_another_kind_are_as_good_as_missing() -> None:
    for text in (
        "meta.series > 1", "meta.n ~ '3'", "meta.n = '3'", "meta.flag > 0", "meta.list = 1", "meta.n has 3",
        "meta.deep = 1", "meta.n.x = 1", "meta.text = 'x'",
    ):  # fmt: skip
        assert not parse_where(text)(image(fields=FIELDS)), text


def test_the_columns_that_it_reads_are_known() -> None:
    where = parse_where("steps > 3 or meta.x is null and not (nsfw and 'a' in tags)")
    assert where.columns == {"num_inference_steps", "meta", "nsfw_flagged", "tags"}
    assert where.columns <= COLUMNS.keys()


@pytest.mark.parametrize(
    ("text", "clause", "at"),
    [
        ("", "it is empty", None),
        ("stesp > 3", "unknown column stesp; did you mean steps?", 0),
        ("steps > 3 and colour = 1", "unknown column colour; use one of batch, entry", 14),
        ("steps ~ 'x'", "num_inference_steps is not text", 6),
        ("prompt > 3", "prompt is compared with a text, in quotes", 9),
        ("seed = 'x'", "seed is compared with a number", 7),
        ("nsfw = 1", "nsfw_flagged is compared with true or false", 7),
        ("nsfw > true", "nsfw_flagged is true or false", 5),
        ("steps = true", "compared with a number", 8),
        ("scheduler = 'DDMI'", "scheduler is never 'DDMI'; did you mean DDIM?", 12),
        ("scheduler = DDIM", "a text is written in quotes, as 'DDIM'", 12),
        ("tags = 'x'", "write tags has 'x'", 5),
        ("tags has 3", "tags are texts", 9),
        ("prompt has 'x'", "prompt is not a list", 7),
        ("meta > 3", "name one, as meta.NAME", 5),
        ("prompt.x = 3", "prompt has nothing within it", 0),
        ("meta.x > 2026-11-20", "write '2026-11-20' in quotes", 9),
        ("finished_at = 2026-11-20", "hardly ever equal", 12),
        ("finished_at > 25:00", "25:00 is not a time", 14),
        ("finished_at > 'soon'", "a time, such as 2026-11-25", 14),
        ("20 <= steps <= 30", "steps >= 20 and steps <= 30", 12),
        ("steps", "alone is not a condition", 0),
        ("custom_id = null", "write is null", 12),
        ("steps > 3 && seed = 1", "write and", 10),
        ("!nsfw", "write not", 0),
        ("prompt = 'a", "has no end", 9),
        ("steps >", "a value is expected here, not the end", 7),
        ("(steps > 3", "and, or, or ) is expected here, not the end", 10),
        ("steps > 3)", "and, or, or the end is expected here, not )", 9),
        ("steps in 3", "a list in parentheses", 9),
        ("size_bytes > 5MB", "5MB is neither a number nor a time", 13),
        ("prompt ~ '(a'", "is not a pattern", 9),
        ("prompt ~ 3", "in quotes", 9),
        ("steps = 1e999", "too large", 8),
        (f"steps = {'9' * 50}", "too long", 8),
        (f"prompt ~ '{'(' * 50}a{'){1,9}' * 50}'", "parentheses", 9),
        (f"{'not ' * 60} nsfw", "nested too deeply", 204),
        (f"{'(' * 9000}", "nested too deeply", 51),
        (f"prompt = '{'x' * 20_000}'", "more than 20,000 characters", None),
        ("日本 = 1", "unknown column 日本", 0),
        ("prompt = '日本' 3", "the end is expected here, not 3", 14 + 2),
    ],
)  # fmt: skip
def test_what_is_refused_shows_its_place(text: str, clause: str, at: int | None) -> None:
    with pytest.raises(UsageError) as refused:
        parse_where(text)
    sentence, *shown = str(refused.value).split("\n")
    assert clause in sentence
    assert sentence.endswith((".", "?"))
    if at is None:
        assert shown == []
    else:
        mark = shown[1].index("^") - 4
        assert mark == at if at <= 40 else shown[0].startswith("    ...")


def test_a_pattern_that_would_never_end_is_given_up() -> None:
    where = parse_where("prompt ~ '(a|aa)+(b|a)+x?c$'")
    assert not where(image())
    with pytest.raises(UsageError, match="takes too long"):
        where(image(prompt="a" * 5000 + "d"))


_PIECES = st.sampled_from(
    ["steps", "prompt", "meta", ".", "tags", "nsfw", "finished_at", "x", "-", ",", "(", ")", "and", "or", "not", "in",
     "has", "is", "null", "true", "=", "!=", "<", ">=", "~", "!~", "3", "-1.5", "'x'", '"(a+)+"', "2026-11-20", "12h",
     "25:61", "'", '"', "\\", "日", "\x1b", "\ud800", "٣", "1e5", "9999-99-99", "99999w", "0001-01-01"]
)  # fmt: skip


@settings(max_examples=60)
@given(st.lists(_PIECES, max_size=30).map(" ".join) | st.text(max_size=60))
@example("(" * 19_000)
@example("not " * 4900)
@example("meta" + ".a" * 9000 + "=1")
@example("steps=1 or " * 1800 + "nsfw")
@example("steps in (" + "1," * 9000 + "1)")
def test_whatever_is_written_is_a_condition_or_a_sentence(text: str) -> None:
    for parse in (parse_where, parse_sort, parse_columns):
        with suppress(UsageError):
            parse(text)
    with suppress(UsageError):
        parse_where(text)(image(fields=FIELDS))


@given(st.text("ab(|)*+?{},1[]^$\\.-:<>=!PikdwsbB'x&~", max_size=25))
@example("(((a{1,999}){1,999}){1,999}){1,999}")
@example("(?R)")
@example("(?:a?){9999}b")
@example("[[a&&b]--c]")
def test_whatever_pattern_is_written_ends(pattern: str) -> None:
    quoted = pattern.replace("'", "''")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with suppress(UsageError):
            parse_where(f"prompt ~ '{quoted}'")(image(prompt="ab" * 50))
