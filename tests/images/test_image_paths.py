"""Paths: readable, inside the root, and never the same for two images."""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdq_core.images.path import batch_folder, image_path

NAME = st.text(max_size=300) | st.text(alphabet="aAßéE\u0301./\\ -x", max_size=12)


def test_a_plain_name_is_kept() -> None:
    assert image_path("night-run 2", 7, 42) == "night-run 2/00007/00007-42.png"
    assert image_path("prompts", 123456, 0, ".jpg") == "prompts/123456/123456-0.jpg"
    assert batch_folder("été_2") == "été_2"


@pytest.mark.parametrize(
    "name",
    [
        "..",
        ".",
        "",
        "../x",
        "/etc",
        "a/b",
        "a\\b",
        "-rf",
        ".hidden",
        "x.",
        " x",
        "a\0b",
        "con",
        "nul.txt",
        "a\nb",
        "~/x",
    ],
)
def test_dangerous_names_are_made_safe(name: str) -> None:
    folder = batch_folder(name)
    assert folder != name
    assert "/" not in folder
    assert "\0" not in folder
    assert not folder.startswith((".", "-", " "))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Night", "night"),
        ("a/b", "a_b"),
        ("a/b", "a\\b"),
        ("é", "e\u0301"),
        ("straße", "strasse"),
        ("x" * 300, "x" * 301),
        ("a", batch_folder("A")),
        ("A", batch_folder("A")),
    ],
)
def test_names_that_a_file_system_would_mix_up_stay_apart(one: str, other: str) -> None:
    assert batch_folder(one).casefold() != batch_folder(other).casefold()


@settings(deadline=None)
@given(NAME, NAME)
def test_two_names_never_share_a_folder(one: str, other: str) -> None:
    folders = [batch_folder(name) for name in (one, other)]
    folded = {unicodedata.normalize("NFD", folder.casefold()) for folder in folders}
    assert len(folded) == len({one, other})


@settings(deadline=None)
@given(st.text(max_size=400), st.integers(0, 10**9), st.integers(0, 2**32 - 1))
def test_every_path_stays_below_the_root(name: str, entry: int, seed: int) -> None:
    path = PurePosixPath(image_path(name, entry, seed))
    assert len(path.parts) == 3
    assert not path.is_absolute()
    assert ".." not in path.parts
    assert all(len(part.encode()) <= 255 for part in path.parts)  # ext4, APFS
