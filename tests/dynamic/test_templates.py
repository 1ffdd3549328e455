"""Templates become what Dynamic Prompts makes of them where that is right, and as many as were counted."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from producer.dynamic.measure import MANY
from producer.dynamic.templates import Templates
from sdq_core.errors import InputError
from tests.dynamic.folder import all_of, templates

FILES = {
    "colors.txt": "red\n# a comment\n\nblue\n",
    "nested.txt": "a __colors__ hat\na {tall|small} hat\n",
    "animals/cats.txt": "tabby\nsiamese\n",
    "animals/dogs.txt": "collie\n",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    return templates(tmp_path_factory.mktemp("wildcards"), FILES)


@pytest.mark.parametrize(
    ("text", "prompts"),
    [
        ("a {red|2::blue} house", ["a red house", "a blue house"]),
        ("{a|b} {c|d}", ["a c", "a d", "b c", "b d"]),
        ("{2$$ and $$a|b|c}",
         ["a and b", "a and c", "b and a", "b and c", "c and a", "c and b"]),
        ("{1-2$$a|b}", ["a", "b", "a, b", "b, a"]),
        ("{-2$$a|b|c}", ["a", "b", "c", "a, b", "a, c", "b, a", "b, c", "c, a", "c, b"]),
        ("{2-$$-$$a|b}", ["a-b", "b-a"]),
        ("{5$$a|b}", ["a, b", "b, a"]),
        ("{0-1$$a|b} x", ["x", "a x", "b x"]),
        ("{2$$ | $$a|b}", ["a | b", "b | a"]),
        ("{a|{b|c} d}", ["a", "b d", "c d"]),
        ("a __colors__ house", ["a red house", "a blue house"]),
        ("__nested__", ["a red hat", "a blue hat", "a tall hat", "a small hat"]),
        ("__animals/*__", ["tabby", "siamese", "collie"]),
        ("__animals/c?ts__", ["tabby", "siamese"]),
        ("{2$$+$$__colors__}", ["red+blue", "blue+red"]),
        ("{3$$__colors__}", ["red, blue", "blue, red"]),
        ("{a |}big {|  very} house{| }", ["a big house", "a big house", "a big very house", "a big very house",
                                         "big house", "big house", "big very house", "big very house"]),
        # What is no choice stays as it is.
        (r"\{a|b\} and \__colors__", ["{a|b} and __colors__"]),
        (r"{\||a\}}", ["|", "a}"]),
        (r"{2\$\$a\:\:b|c}", ["2$$a::b", "c"]),
        ("} a|b } $5 $$ {c}", ["} a|b } $5 $$ c"]),
        ("____ {a} __ _b_ __", ["____ a __ _b_ __"]),
        (r"\(a:1.2\) {b}", [r"\(a:1.2\) b"]),
        ("C# code, 50% of {5$}, http://x", ["C# code, 50% of 5$, http://x"]),
    ],
)  # fmt: skip
def test_all_prompts_of_a_template(made: Templates, text: str, prompts: list[str]) -> None:
    assert all_of(made, text) == prompts
    assert made.measure(text).prompts == len(prompts)
    assert made.one(text, seed=0, image_seed=1).text in prompts


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a {b|c", r"the brace at character 3 is not closed; write \{ for a brace itself"),
        ("a {b|{c|d}", "the brace at character 3 is not closed"),
        ("{}", "has nothing to choose"),
        ("{ }", "has nothing to choose"),
        ("{0::a|b}", "the weight '0::' is 0"),
        ("{a$$b|c}", "$$ needs a number or a range before it"),
        ("{1-200$$__colors__}", "takes more than 100 together"),
        ("{@a|b}", "chooses a sampler"),
        ("${x=a} {b|c}", "${...} is a variable"),
        ("__colors(a=b)__", "has parameters"),
        ("__~colors__", r"is not the name of a wildcard; write \_ for an underscore itself"),
        ("{" * 21 + "a" + "}" * 21, "braces are nested more than 20 deep"),
        ("__color__", "there is no wildcard '__color__'"),
        ("__color__", "did you mean colors?"),
        ("__cats__", "did you mean animals/cats?"),
        ("__zebra__", r"put zebra.txt there, or write \_"),
        ("__../colors__", "is not the name of a wildcard"),
    ],
)
def test_what_cannot_be_read_is_told_in_a_sentence(made: Templates, text: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        made.measure(text)
    assert says in str(caught.value)


def test_what_is_chosen_is_recorded_with_what_it_was_chosen_from(made: Templates) -> None:
    text = "{a __colors__|__nested__} {2$$ and $$x|y}"
    for one in (*made.all(text), made.one(text, seed=0, image_seed=0)):
        (first, whole), *inner = one.chosen
        assert (first, one.chosen[-1][0]) == ("{a __colors__|__nested__}", "{2$$ and $$x|y}")
        assert one.text == f"{whole} {one.chosen[-1][1]}"
        assert all(text in whole for _, text in inner[:-1])


def test_the_same_seeds_choose_the_same_in_every_python(made: Templates) -> None:
    text = "a {red|2::blue|0.5::green} __animals/*__ with {1-2$$ and $$hat|scarf|3::coat}"
    found = [made.one(text, seed=7, image_seed=image_seed).text for image_seed in range(6)]
    assert found == GOLDEN
    assert [made.one(text, seed=8, image_seed=n).text for n in range(6)] != GOLDEN


#: Written down once; another result would draw other images for the same submission.
GOLDEN = [
    "a blue collie with scarf and coat",
    "a blue tabby with coat and hat",
    "a blue collie with hat",
    "a blue tabby with hat and coat",
    "a green siamese with coat",
    "a blue tabby with coat",
]


def test_weights_say_how_often(made: Templates) -> None:
    seen = Counter(made.one("{a|3::b|0.5::c}", seed=0, image_seed=n).text for n in range(9_000))
    assert seen["a"] == pytest.approx(2_000, rel=0.1)
    assert seen["b"] == pytest.approx(6_000, rel=0.1)
    assert seen["c"] == pytest.approx(1_000, rel=0.1)


def test_several_are_taken_without_repeats_and_fairly(made: Templates) -> None:
    equal, weighted = (
        Counter(made.one(text, seed=0, image_seed=n).text for n in range(6_000))
        for text in ("{2$$ $$a|b|c}", "{2$$ $$a|b|4::c}")
    )
    assert set(equal) == set(weighted) == {"a b", "a c", "b a", "b c", "c a", "c b"}
    assert all(count == pytest.approx(1_000, rel=0.15) for count in equal.values())
    # c first 4 of 6 times, then either of the others
    assert weighted["c a"] == pytest.approx(2_000, rel=0.1)


@pytest.mark.parametrize(
    ("text", "prompts"),
    [
        ("{a|b|c|d|e|f|g|h|i|j}" * 9, 10**9),
        ("{1-10$$a|b|c|d|e|f|g|h|i|j}", 9_864_100),
        ("{50$$" + "|".join("x" * n for n in range(1, 101)) + "}", MANY),
        ("{a|b}" * 2_000, MANY),
    ],
)
def test_any_number_of_prompts_is_counted_at_once(made: Templates, text: str, prompts: int) -> None:
    started = time.process_time()
    assert made.measure(text).prompts == prompts
    assert time.process_time() - started < 10


def test_a_template_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    files = {f"w{n}.txt": f"__w{n + 1}__ " * 50 for n in range(9)} | {"w9.txt": "{|}"}
    with pytest.raises(InputError, match="more than 20,000 characters"):
        templates(tmp_path, files).measure("__w0__")


#: Options that mean the same to Dynamic Prompts: no spaces at their ends, no two alike.
words = st.sampled_from(["red", "blue house", "x", "a-b", "(c:1.2)"])


@st.composite
def template(draw: st.DrawFn, depth: int = 2) -> str:
    """A template that Dynamic Prompts reads as well, with few prompts."""
    parts = []
    for _ in range(draw(st.integers(1, 2))):
        kind = draw(st.sampled_from(["words", "wildcard", *(["choice"] * 2 if depth else [])]))
        if kind == "words":
            parts.append(draw(words))
        elif kind == "wildcard":
            parts.append(draw(st.sampled_from(["__colors__", "__nested__", "__animals/*__"])))
        else:
            options = [
                f"{n}{draw(template(depth=depth - 1))}" for n in range(draw(st.integers(2, 3)))
            ]
            bounds = draw(st.sampled_from(["", "", "", "2$$,$$", "1-2$$ and $$", "0-1$$,$$"]))
            weight = draw(st.sampled_from(["", "2::", "0.5::"])) if not bounds else ""
            parts.append(f"{{{bounds}{weight}{'|'.join(options)}}}")
    return " ".join(parts)


@settings(max_examples=60)
@given(text=template())
def test_there_are_as_many_prompts_as_counted(made: Templates, text: str) -> None:
    prompts = made.measure(text).prompts
    if prompts < 20_000:
        listed = all_of(made, text)
        assert len(listed) == prompts
        for image_seed in range(3):
            assert made.one(text, seed=0, image_seed=image_seed).text in listed


@settings(max_examples=25)
@given(text=template())
@example(text="{2$$,$$__colors__}")
@example(text="__nested__ {1-2$$ and $$0x|1{y|z}}")
def test_dynamic_prompts_makes_the_same(
    made: Templates, tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    # Its parser takes a while to import, and warns.
    from dynamicprompts.generators import CombinatorialPromptGenerator
    from dynamicprompts.wildcards import WildcardManager

    folder = tmp_path_factory.mktemp("theirs")
    templates(folder, FILES)
    if made.measure(text).prompts > 500:
        return
    theirs = CombinatorialPromptGenerator(WildcardManager(folder)).generate(text)
    assert {" ".join(one.split()) for one in theirs} == set(all_of(made, text))


@settings(max_examples=300)
@given(text=st.text(alphabet=st.sampled_from(list("ab {}|$_:\\2-.*/#(é\n")), max_size=40))
def test_any_text_becomes_prompts_or_a_sentence(made: Templates, text: str) -> None:
    try:
        prompts = made.measure(text).prompts
    except InputError:
        return
    assert made.one(text, seed=0, image_seed=0) == made.one(text, seed=0, image_seed=0)
    if prompts < 1_000:
        assert len(list(made.all(text))) == prompts
