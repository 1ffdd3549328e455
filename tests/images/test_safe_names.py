"""Names that every file system takes, and which of them it takes for one."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdq_core.images.safe_names import RESERVED, cleaned, component, cut, folded, slug

#: Texts with everything that file systems treat in some way of their own.
TEXT = st.text(max_size=120) | st.text(
    alphabet='aAßſKéE\u0301\u0338=./\\:*?"<>|~ -_x\u200d\ufe0f\u1100\u1161\u11a8가\U0001f3e0👩\n\0',
    max_size=24,
)


@settings(deadline=None)
@given(TEXT)
def test_a_component_is_one_that_every_file_system_takes(text: str) -> None:
    name = component(cut(cleaned(text), 200))
    assert name
    assert name not in {".", ".."}
    assert not set(name) & set('/\\:*?"<>|\0')
    assert all(unicodedata.category(letter)[0] not in "CS" or letter in "+=" for letter in name)
    assert not name.startswith((".", "-", " "))
    assert not name.endswith((".", " "))
    assert not RESERVED.fullmatch(name)
    assert unicodedata.is_normalized("NFC", name)
    assert len(name.encode()) <= 203
    assert component(name) == name


@settings(deadline=None)
@given(TEXT, st.integers(0, 60))
def test_a_cut_parts_no_letter_from_its_marks(text: str, limit: int) -> None:
    short = cut(text, limit)
    assert text.startswith(short)
    assert len(short.encode()) <= limit
    rest = text[len(short) :]
    assert not rest or not short or unicodedata.category(rest[0])[0] != "M"


@pytest.mark.parametrize(
    ("text", "limit", "short"),
    [("e\u0301e\u0301", 4, "e\u0301"), ("\u1112\u1161\u11ab!", 7, ""), ("日本語", 7, "日本"), ("abc", 2, "ab")],
)  # fmt: skip
def test_where_a_text_is_cut(text: str, limit: int, short: str) -> None:
    assert cut(text, limit) == short


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Boat", "boat"),
        ("É", "e\u0301"),
        ("straße", "STRASSE"),
        ("ſea", "Sea"),
        ("\u212a", "k"),
        ("\u03c2", "\u03a3"),
        ("ı", "I"),
    ],
)
def test_what_some_file_system_takes_for_one_is_one(one: str, other: str) -> None:
    assert folded(one) == folded(other)


@settings(deadline=None)
@given(TEXT)
def test_folding_is_blind_to_case_and_form(text: str) -> None:
    for other in (text.upper(), *(unicodedata.normalize(form, text) for form in ("NFC", "NFD"))):
        assert folded(other) == folded(text)
    assert folded(folded(text)) == folded(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A red house, by the sea!", "a-red-house-by-the-sea"),
        ("  (masterpiece:1.2), 8k__hdr", "masterpiece-1-2-8k-hdr"),
        ("Ein Häuschen", "ein-häuschen"),
        ("海边的红房子 🏠", "海边的红房子"),
        ("घर में", "घर-में"),
        ("🏠🏠", "image"),
        ("...", "image"),
        ("word " * 20, "word-word-word-word-word-word"),
        ("x" * 50, "x" * 30),
    ],
)
def test_a_prompt_becomes_a_slug(text: str, words: str) -> None:
    assert slug(text, 30) == words


@pytest.mark.parametrize(
    ("name", "safe"),
    [("con", "_con"), ("Nul.txt", "_Nul.txt"), ("com1", "_com1"), ("LPT¹.x", "_LPT¹.x"), ("..", "_"), ("", "_"),
     (".x", "_x"), ("x.", "x_"), ("-rf", "_rf"), ("con .x", "_con .x"), ("console", "console")],
)  # fmt: skip
def test_what_a_system_would_not_take_as_it_is(name: str, safe: str) -> None:
    assert component(name) == safe
