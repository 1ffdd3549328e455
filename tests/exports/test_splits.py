"""No prompt is in two splits, whatever else its images were drawn with, and growth moves none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdq.exports.splits import Splits
from sdq_core.errors import UsageError

THREE = "train=0.8,val=0.1,test=0.1"


@given(st.text(max_size=30), st.text(max_size=5))
def test_a_prompt_is_always_in_the_same_split(prompt: str, salt: str) -> None:
    prompt = prompt.encode(errors="ignore").decode()
    salt = salt.encode(errors="ignore").decode()
    assert Splits.parse(THREE, salt=salt).of(prompt) == Splits.parse(THREE, salt=salt).of(prompt)


@given(st.lists(st.integers(1, 99), min_size=1, max_size=6))
def test_any_fractions_that_add_up_divide_everything(weights: list[int]) -> None:
    total = sum(weights)
    text = ",".join(f"s{number}={weight / total!r}" for number, weight in enumerate(weights))
    splits = Splits.parse(text)
    assert {splits.of(str(number)) for number in range(50)} <= set(splits.fractions)
    assert Splits.parse(text).text == splits.text


def test_many_prompts_are_divided_as_asked_and_another_salt_divides_otherwise() -> None:
    prompts = [f"prompt {number}" for number in range(10_000)]
    one, other = Splits.parse(THREE), Splits.parse(THREE, salt="x")
    counts = {name: sum(one.of(prompt) == name for prompt in prompts) for name in one.fractions}
    assert abs(counts["train"] - 8000) < 200
    assert abs(counts["val"] - 1000) < 150
    assert sum(one.of(prompt) != other.of(prompt) for prompt in prompts) > 1000


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("train=0.9,test=0.2", "add up to 1.1"),
        ("train=0.5", "add up to 0.5"),
        ("train", "not a name with a fraction"),
        ("a/b=1", "not a name with a fraction"),
        ("train=0.5,train=0.5", "twice"),
        ("train=1,test=0", "more than 0"),
        ("train=nan", "more than 0"),
        ("train=x", "more than 0"),
    ],
)
def test_other_fractions_are_refused_in_a_sentence(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        Splits.parse(text)


def test_fractions_may_miss_one_by_a_millionth() -> None:
    assert set(Splits.parse("a=0.3333333,b=0.3333333,c=0.3333333").fractions) == {"a", "b", "c"}
