"""Wildcard folders as people have them, and everything that can be wrong with one."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from producer.dynamic.wildcards import Wildcards
from sdq_core.errors import InputError, InputMissingError
from tests.dynamic.folder import all_of, templates

FILES = {
    "colors.txt": "\ufeffred\r\n  blue \r\n\r\n# no value\r\n\\#1 pink\r\nred\r\n",
    "clothes.yaml": (
        "# shared\nhats:\n  - cap\n  - 'no'\n  - 12:30\n  - 3::beret\n  - |\n    # a comment\n    top hat\n"
        "shoes:\n  summer: [sandal]\n  winter: [boot, boot]\nsize: 12\nnothing:\n"
    ),
    "animals/all.json": (
        '{"birds": ["owl", {"text": "wren", "weight": 2}, 7, null, ""], "on": true, "fish": {"sea": ["cod"]}}'
    ),
    "animals/list.json": '["ant", "bee"]',
    "animals/birds.txt": "heron\n",
    ".hidden.txt": "no\n",
    "._colors.txt": "no\n",
    ".git/x.txt": "no\n",
    "readme.md": "no\n",
    "gro\u0308ße/weiß.txt": "ß\n",
    "हिन्दी.txt": "रंग\n",
}


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("__colors__", ["red", "blue", "#1 pink"]),
        ("__hats__", ["cap", "no", "12:30", "beret", "top hat"]),
        ("__shoes/*__", ["sandal", "boot"]),
        ("__shoes/winter__", ["boot"]),
        ("__animals/birds__", ["heron", "owl", "wren", "7"]),
        ("__animals/list__", ["ant", "bee"]),
        ("__animals/*__", ["heron", "owl", "wren", "7", "cod", "ant", "bee"]),
        ("__animals/fish/*__", ["cod"]),
        ("__größe/weiß__", ["ß"]),
        ("__हिन्दी__", ["रंग"]),
        ("__size__", ["12"]),
    ],
)
def test_values_come_from_texts_lists_and_objects(
    tmp_path: Path, text: str, values: list[str]
) -> None:
    assert all_of(templates(tmp_path, FILES), text) == values


def test_a_weight_before_a_value_counts(tmp_path: Path) -> None:
    made = templates(tmp_path, FILES)
    seen = Counter(made.one("__hats__", seed=0, image_seed=n).text for n in range(3_500))
    assert seen["beret"] == pytest.approx(1_500, rel=0.15)


@pytest.mark.parametrize(
    ("files", "text", "says"),
    [
        ({"a.txt": "x\n__a__\n"}, "__a__", "the wildcard '__a__' includes itself: a > a"),
        ({"a.txt": "__b__\n", "b.txt": "{x|y __c*__}\n", "c.txt": "z\n__a__\n"}, "in __b__",
         "the wildcard '__b__' includes itself: b > c* > a > b"),
        ({"a.txt": "__missing__\n"}, "__a__", "there is no wildcard '__missing__'"),
        ({"a.txt": "x\n{b|c\n"}, "__a__", "a.txt:2: the brace at character 1 is not closed"),
        ({"a.txt": "x\na\0b\n"}, "__a__", "a.txt:2: the value contains the character U+0000"),
        ({"a.txt": b"x\n\xff\xfe\n"}, "__a__", "a.txt:2: the line is not UTF-8"),
        ({"a.txt": "# nothing\n\n"}, "__a__", "the wildcard '__a__' has no values"),
        ({"a.yaml": "a:\n  - b\n a: c\n"}, "__a__", "a.yaml:3: this is not YAML"),
        ({"a.yaml": "a:\n- b\na: [c]\n"}, "__a__", "a.yaml:3: the key 'a' is given twice"),
        ({"a.yaml": "a:\n- {text: b, weight: x}\n"}, "__a__", "a.yaml:2: the weight is not a number"),
        ({"a.yaml": "a:\n- {text: b, weight: -1}\n"}, "__a__", "a.yaml:2: the weight must be more than 0"),
        ({"a.yaml": "a:\n  - x\n  - ${y}{z}\n"}, "__a__", "a.yaml:3: ${...} is a variable"),
        ({"a.yaml": "a:\n- {b|c}\n"}, "__a__",
         "a.yaml:2: a value is an object without text; put quotes around a text that begins with a brace"),
        ({"a.json": '{"a": [["b"]]}'}, "__a__", "a.json:1: a value must be a text"),
        ({"a.json": '{"a": [\n"b",\n]}'}, "__a__", "a.json:3: the line is not JSON"),
        ({"a.json": "[" * 900}, "__a__", "a.json:1: "),
        ({}, "__a__", "has none"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_wildcard_is_told_with_its_place(
    tmp_path: Path, files: dict[str, str | bytes], text: str, says: str
) -> None:
    made = templates(tmp_path, files)
    for _ in range(2):
        with pytest.raises(InputError) as caught:
            made.measure(text)
        assert says in str(caught.value)
        assert "\n" not in str(caught.value)


def test_wildcards_that_nest_deep_end(tmp_path: Path) -> None:
    deep = "{x|" * 15 + "__w%d__" + "}" * 15
    files = {f"w{n}.txt": deep % (n + 1) for n in range(60)} | {"w60.txt": "x"}
    with pytest.raises(InputError, match="nested more than 50 deep"):
        templates(tmp_path, files).measure("__w0__")
    # Read from the end, each is known before the next.
    made = templates(tmp_path, files)
    assert made.measure("__w58__").nesting < 50
    with pytest.raises(InputError, match="nested more than 50 deep"):
        made.measure("__w55__")


def test_a_yaml_file_that_unfolds_without_end_is_refused(tmp_path: Path) -> None:
    bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n"
        for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    )
    with pytest.raises(InputError, match="more than 1,000,000 values"):
        templates(tmp_path, {"bomb.yaml": bomb}).measure("__a__")


def test_links_are_followed_but_never_in_circles(tmp_path: Path) -> None:
    made = templates(tmp_path / "w", {"colors.txt": "red\n"})
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "hats.txt").write_text("cap\n")
    (tmp_path / "w" / "more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "w" / "again").symlink_to(tmp_path / "w")
    assert all_of(made, "__**__") == ["red", "cap"]


def test_a_folder_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(InputMissingError, match="There is no wildcard folder"):
        Wildcards(tmp_path / "none", named=True)
    with pytest.raises(InputError, match=r"there is no folder .*none; name one with --wildcards"):
        Wildcards(tmp_path / "none", named=False).of("a")
