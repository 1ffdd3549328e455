"""Path templates: what they say, what they cannot lead to, and when they tell images apart."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from image_factory import recipe

from sdq_core.errors import InputError
from sdq_core.images.filing import Filing
from sdq_core.images.path import image_path, is_beside
from sdq_core.images.safe_names import folded
from sdq_core.images.template import MAX_PATH_BYTES, PathTemplate
from sdq_core.images.tokens import TOKENS, PathFacts
from sdq_core.values.image_files import ImageFormat
from sdq_core.values.variants import AnyVariant

FACTS = PathFacts(
    batch_name="Night",
    entry=7,
    seed=42,
    recipe=recipe(prompt="A red house, by the sea"),
    custom_id="h/1",
    date="2026-11-26",
)

NASTY = st.text(max_size=40) | st.text(alphabet="aA.ß é\u0301/\\-_1207", max_size=8)
SOME_FACTS = st.builds(
    lambda batch, entry, seed, prompt, custom_id: replace(
        FACTS,
        batch_name=batch,
        entry=entry,
        seed=seed,
        recipe=recipe(prompt=prompt),
        custom_id=custom_id,
    ),
    st.text(min_size=1, max_size=300), st.integers(1, 3000), st.integers(0, 2**32 - 1), NASTY, NASTY,
)  # fmt: skip
PIECES = st.sampled_from(
    [
        *(f"{{{token}}}" for token in TOKENS),
        "{seed:03d}",
        "{index:05d}",
        "-",
        "_",
        "x",
        "1",
        ".",
        " ",
        "/",
    ]
)


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("{batch}/{index:05d}/{index:05d}-{seed}", "night-{hash}/00007/00007-42.jpg"),
        ("{batch}/{slug}-{seed:010d}", "night-{hash}/a-red-house-by-the-sea-0000000042.jpg"),
        ("{date}/{custom_id} ({seed})", "2026-11-26/h_1 (42).jpg"),
        ("{model}/{variant}-{scheduler}/{steps}-{guidance}-{recipe}",
         "demo/split_einsum-DPMSolverMultistep/20-7.5-{key}.jpg"),
        ("{seed}.jpg", "42.jpg"),
        ("{seed}.JPEG", "42.jpg"),
    ],
)  # fmt: skip
def test_tokens_stand_for_what_they_say(template: str, path: str) -> None:
    filing = Filing.make(template, ImageFormat.JPG, None, "2026-11-26")
    folder = image_path("Night", 1, 1).partition("/")[0]
    key = FACTS.recipe.content_key[:12]
    assert filing.path(FACTS) == path.replace("night-{hash}", folder).replace("{key}", key)


def test_a_variant_that_is_left_open_is_any_whoever_draws_it() -> None:
    left_open = replace(FACTS.recipe, variant=AnyVariant(model="/m/sd 1.5/", revision="r"))
    facts = replace(FACTS, recipe=left_open)
    assert PathTemplate.parse("{variant}/{model}").stem(facts) == "any/sd 1.5"


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("", "is empty"),
        ("/x/{seed}", "leads out of the output folder"),
        ("~/{seed}", "leads out of the output folder"),
        ("a/../../{seed}", "leave .. out"),
        ("a//{seed}", "a folder without a name"),
        ("./{seed}", "a folder without a name"),
        ("{batch}/", "ends with a folder"),
        ("{promt}", "there are batch, index, custom_id, seed"),
        ("{sed}", "did you mean {seed}?"),
        ("{seed", "a brace without its other half"),
        ("seed}", "a brace without its other half"),
        ("{}", "there is no token '{}'"),
        ("{seed:5d}", "write {seed:05d}"),
        ("{seed:0400d}", "write {seed:05d}"),
        ("{seed!r}", "there is no token"),
        ("{slug:05d}", "only {index}, {seed} and {steps} take"),
        ("a:b-{seed}", "the character ':'"),
        ("a\\{seed}", "the character"),
        ("🏠{seed}", "the character '🏠'"),
        ("x" * 300, "more than 240 bytes"),
        ("{batch}/" * 8 + "{seed}", "bytes long; the limit is 640"),
        ("a/" * 9 + "{seed}", "more than 8 folders"),
        ("{seed}.png", "ends in .png, but the images are jpg; leave the ending out, or add --image-format png"),
    ],
)  # fmt: skip
def test_a_template_that_cannot_be_used_says_why(template: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        Filing.make(template, ImageFormat.JPG)
    assert says in str(caught.value)
    assert len(str(caught.value)) < 200


@settings(deadline=None)
@given(SOME_FACTS, st.sampled_from(ImageFormat))
def test_the_default_is_where_images_always_were(
    facts: PathFacts, image_format: ImageFormat
) -> None:
    filing = Filing.make(image_format=image_format)
    path = image_path(facts.batch_name, facts.entry, facts.seed, image_format.suffix)
    assert filing.path(facts) == path
    assert filing.template.stem(facts) + image_format.suffix == path
    assert path.startswith(f"{filing.folder(facts.batch_name)}/")


@settings(deadline=None)
@given(st.lists(PIECES, min_size=1, max_size=8).map("".join), SOME_FACTS)
def test_no_template_leads_out_of_the_outputs(template: str, facts: PathFacts) -> None:
    try:
        filing = Filing.make(template, ImageFormat.AVIF, None, "2026-11-26")
    except InputError:
        assume(False)
    path = filing.path(facts)
    names = path.split("/")
    assert len(names) == template.count("/") + 1
    assert all(name and name not in {".", ".."} and not name.startswith(".") for name in names)
    assert all(len(name.encode()) <= 250 for name in names)
    assert len(path.encode()) <= MAX_PATH_BYTES + 5 + 2 * len(names)
    assert not set(path) & set('\\:*?"<>|\0\n')
    folder = filing.folder(facts.batch_name)
    assert not folder or path.startswith(f"{folder}/")


@settings(deadline=None, max_examples=300)
@given(st.lists(PIECES, min_size=1, max_size=7).map("".join), SOME_FACTS, SOME_FACTS)
def test_numbers_that_stand_alone_tell_images_apart(
    template: str, one: PathFacts, other: PathFacts
) -> None:
    try:
        parsed = PathTemplate.parse(template)
    except InputError:
        assume(False)
    other = replace(other, batch_name=one.batch_name)
    same = folded(parsed.stem(one)) == folded(parsed.stem(other))
    if parsed.tells_apart("seed") and one.seed != other.seed:
        assert not same
    if parsed.tells_apart("index") and one.entry != other.entry:
        assert folded(parsed.prompt_key(one)) != folded(parsed.prompt_key(other))
    if same and parsed.tells_apart("seed"):
        assert folded(parsed.prompt_key(one)) == folded(parsed.prompt_key(other))


@pytest.mark.parametrize(
    ("template", "seeds", "prompts"),
    [
        ("{batch}/{index:05d}/{index:05d}-{seed}", True, True),
        ("{slug}-{seed}", True, False),
        ("{index}-{slug}-{seed}", True, True),
        ("{seed}/{index}", True, True),
        ("{slug}{seed}", False, False),
        ("{index}{seed}", False, False),
        ("x{seed}", False, False),
        ("{slug}-{seed}-{custom_id}", False, False),
        ("{batch}-{seed}-{slug}", True, False),
        ("{slug}", False, False),
    ],
)
def test_which_templates_are_sure(template: str, seeds: bool, prompts: bool) -> None:
    parsed = PathTemplate.parse(template)
    assert (parsed.tells_apart("seed"), parsed.tells_apart("index")) == (seeds, prompts)


def test_long_texts_are_cut_and_numbers_are_not() -> None:
    facts = replace(FACTS, custom_id="ö" * 500, batch_name="b" * 190, seed=2**32 - 1)
    name = PathTemplate.parse("{batch}-{custom_id}-{slug}-{seed}").stem(facts)
    assert name.endswith("-4294967295")
    assert len(name.encode()) <= 240
    assert name.startswith("b" * 190)
    assert "ö" in name


def test_a_path_beside_another_is_known_as_such() -> None:
    paths = Filing().paths(FACTS)
    own, second, third = (next(paths) for _ in range(3))
    assert second == own.replace(".png", "-2.png")
    assert is_beside(second, own)
    assert is_beside(third, own)
    assert not is_beside(own, own)
    assert not is_beside(own.replace(".png", "-x.png"), own)
    assert not is_beside(own.replace(".png", "-2.jpg"), own)


def test_it_is_kept_among_the_options_of_a_batch() -> None:
    assert Filing().to_options() == {}
    assert Filing.of({}) == Filing.of({"model": "x"}) == Filing()
    filing = Filing.make("{date}/{slug}-{seed}.webp", ImageFormat.WEBP, 70, "2026-11-26")
    assert filing.to_options()["files"] == {
        "path_template": "{date}/{slug}-{seed}",
        "image_format": "webp",
        "quality": 70,
        "date": "2026-11-26",
    }
    assert Filing.of(filing.to_options()) == filing
    assert Filing.make("{seed}", ImageFormat.PNG, 70, "2026-11-26") == Filing(
        template=PathTemplate.parse("{seed}")
    )
