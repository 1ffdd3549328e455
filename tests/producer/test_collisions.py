"""Two images of a batch that would be one file are named before anything is queued, and no others."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from db.ledger import Ledger
from db.values import BatchPlan, KnownEntry, PlannedEntry
from producer.planning.collisions import check_paths
from sdq.submitting.options import SubmitOptions
from sdq.submitting.planned import plan_request
from sdq.submitting.request import read_request
from sdq_core.errors import InputError, SdqError, TryAgainError, UsageError
from sdq_core.images.filing import Filing
from sdq_core.images.safe_names import folded
from sdq_core.images.tokens import PathFacts
from sdq_core.settings import read_settings
from tests.ledger.plans import recipe


def entry(
    prompt: str, seeds: Sequence[int] = (0,), line: int = 1, **fields: object
) -> PlannedEntry:
    made = recipe(prompt)
    for name in ("num_inference_steps", "guidance_scale"):
        if name in fields:
            made = replace(made, **{name: fields.pop(name)})  # type: ignore[arg-type]
    return PlannedEntry(recipe=made, seeds=seeds, fields=fields, source=f"p.txt:{line}")


def refused(template: str, *entries: PlannedEntry, known: Sequence[KnownEntry] = ()) -> str:
    with pytest.raises(InputError) as caught:
        check_paths(entries, Filing.make(template), "night", lambda: known)
    return str(caught.value)


def accepted(template: str, *entries: PlannedEntry, known: Sequence[KnownEntry] = ()) -> None:
    check_paths(entries, Filing.make(template), "night", lambda: known)


def test_two_lines_are_named_with_the_token_that_tells_them_apart() -> None:
    boats = entry("A boat", line=1), entry("a tent", line=2), entry("a  BOAT!", line=3)
    assert refused("{batch}/{slug}-{seed}", *boats) == (
        "p.txt:1 and p.txt:3 would both be 'night/a-boat-0.png'; add {index} to --path-template."
    )
    steps = entry("a", line=1), entry("a", line=2, num_inference_steps=30)
    assert refused("{slug}-{seed}", *steps).endswith("add {steps} to --path-template.")
    ids = entry("a", line=1, custom_id="x"), entry("a!", line=2, custom_id="y")
    assert refused("{slug}-{seed}", *ids).endswith("add {custom_id} to --path-template.")
    one_line = entry("a", line=4), entry("a", line=4, guidance_scale=3.0)
    assert refused("{seed}", *one_line) == (
        "Two images of p.txt:4 would both be '0.png'; add {guidance} to --path-template."
    )


def test_seeds_are_told_apart() -> None:
    assert refused("{index}", entry("a", range(7, 100_000))) == (
        "Seeds 7 and 8 of p.txt:1 would both be '1.png'; add {seed} to --path-template."
    )
    accepted("{index}", entry("a", (1,)), entry("b", (1,)))
    accepted("{slug}-{seed}", entry("a", (1, 2), line=1), entry("a!", (3, 4), line=2))
    assert "add {index}" in refused("{slug}-{seed}", entry("a", (1, 2)), entry("a!", (2, 3)))
    # 1 and 23, 12 and 3: nothing stands between them
    lines = [entry(f"p{number}", (23,) if number == 1 else (3,)) for number in range(1, 13)]
    assert "'123.png'" in refused("{index}{seed}", *lines)
    accepted("{index:02d}{seed}", *lines)


def test_the_same_recipe_in_two_entries_has_one_index() -> None:
    twice = entry("a", (1,), line=1, custom_id="x"), entry("a", (2,), line=2, custom_id="y")
    assert refused("{index}", *twice).startswith("p.txt:1 and p.txt:2 would both be '1.png'")
    accepted("{index}-{seed}", *twice)
    accepted("{custom_id}", *twice)


def test_ids_that_a_file_system_takes_for_one_are_one() -> None:
    pairs = [("Boat", "boat"), ("a/b", "a:b"), ("É", "é"), ("x" * 200, "x" * 201)]
    for one, other in pairs:
        both = entry("a", line=1, custom_id=one), entry("b", line=2, custom_id=other)
        assert "p.txt:1 and p.txt:2 would both be" in refused("{custom_id}-{seed}", *both)
    assert refused("{custom_id}", entry("a", custom_id="x"), entry("b", line=2)) == (
        "p.txt:2 has no custom_id, which the path template asks for. Add one, or use {index}."
    )


def test_what_the_batch_has_counts_too() -> None:
    def known(prompt: str, *seeds: int) -> KnownEntry:
        return KnownEntry(number=3, recipe=recipe(prompt), seeds=seeds, fields={})

    says = refused("{slug}-{seed}", entry("a boat", (5,)), known=[known("A boat", 4, 5)])
    assert says.startswith("prompt 3 of batch night and p.txt:1 would both be 'a-boat-5.png'")
    accepted("{slug}-{seed}", entry("a boat", (5, 6)), known=[known("a boat", 4, 5)])
    accepted("{slug}x{seed}", entry("a boat", (5, 6)), known=[known("a boat", 4, 5)])
    accepted("{index}-x{seed}", entry("a tent", (5,)), known=[known("a boat", 5)])


@pytest.mark.parametrize("seed", range(6))
def test_any_plan_is_judged_as_by_all_of_its_paths(seed: int) -> None:
    chance = random.Random(seed)
    templates = ["{slug}-{seed}", "{slug}{seed}", "{seed}/{slug}-{steps}", "{slug}-{seed}-{steps}",
                 "{index}{seed}", "{index}-{slug}"]  # fmt: skip
    verdicts: Counter[bool] = Counter()
    for _ in range(60):
        filing = Filing.make(chance.choice(templates))
        entries = []
        for line in range(chance.randrange(1, 7)):
            prompt = chance.choice(["a", "a1", "A 1", "b", "1", "11"])
            seeds = tuple(chance.sample(range(13), chance.randrange(1, 3)))
            steps = chance.choice([1, 2])
            entries.append(entry(f"{prompt}{'!' * line}", seeds, num_inference_steps=steps))
        paths = [
            folded(
                filing.path(
                    PathFacts(batch_name="night", entry=number, seed=one, recipe=planned.recipe)
                )
            )
            for number, planned in enumerate(entries, 1)
            for one in planned.seeds
        ]
        unique = len(set(paths)) == len(paths)
        verdicts[unique] += 1
        try:
            check_paths(entries, filing, "night")
        except InputError:
            assert not unique, (filing.template.text, entries)
        else:
            assert unique, (filing.template.text, entries)
    assert min(verdicts[True], verdicts[False]) > 3


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def planned(home: Path, ledger: Ledger | None, toml: str = "", **options: object) -> BatchPlan:
    home.mkdir(exist_ok=True)
    (home / "sdq.toml").write_text(toml)
    settings = read_settings({"SDQ_HOME": str(home)})
    given = SubmitOptions(**{"prompts": ("a tree",), "batch": "one", **options})  # type: ignore[arg-type]
    return plan_request(settings, read_request(given, settings), ledger).plan


TOML = 'path_template = "{batch}/{slug}-{seed}"\nimage_format = "webp"\nquality = 70\n'


def test_a_preference_stands_between_default_and_option(home: Path) -> None:
    def files(toml: str = "", **options: object) -> object:
        return planned(home, None, toml, **options).options.get("files")

    assert files() is None
    kept = {
        "path_template": "{batch}/{slug}-{seed}",
        "image_format": "webp",
        "quality": 70,
        "date": "",
    }
    assert files(TOML) == kept
    assert files(TOML, image_format="jpg", quality=5) == {
        **kept,
        "image_format": "jpg",
        "quality": 5,
    }
    png = files(TOML, image_format="png", path_template="{date}-{seed}.png")
    assert isinstance(png, dict)
    assert (png["image_format"], png["quality"], len(png["date"])) == ("png", None, 10)
    assert files('image_format = "JPEG"') == {
        "path_template": "{batch}/{index:05d}/{index:05d}-{seed}",
        "image_format": "jpg",
        "quality": 90,
        "date": "",
    }


@pytest.mark.parametrize(
    ("toml", "options", "says"),
    [
        ("", {"path_template": "/x/{seed}"}, "--path-template: '/x/{seed}' leads out"),
        ("", {"path_template": ""}, "--path-template: the template is empty"),
        ("", {"path_template": "{seed}.jpg"}, "add --image-format jpg"),
        ("", {"quality": 50}, "--quality is for jpg, webp and avif"),
        ("quality = 0", {}, "sdq.toml: quality is 0; use 1 to 100"),
        ("image_format = 'gif'", {}, "sdq.toml: unknown image format 'gif'"),
        ("path_template = '../{seed}'", {}, "sdq.toml: '../{seed}' leads out"),
        ("", {"path_template": "{slug}", "seeds": "0-9"}, "Seeds 0 and 1 of --prompt"),
    ],
)
def test_what_cannot_be_used_is_refused(
    home: Path, toml: str, options: dict[str, object], says: str
) -> None:
    with pytest.raises(SdqError) as caught:
        planned(home, None, toml, **options)
    assert says in str(caught.value)
    assert caught.value.exit_code in {2, 65, 78}


def test_an_existing_batch_keeps_its_files_as_they_are(home: Path, tmp_path: Path) -> None:
    with Ledger.open(f"sqlite:///{tmp_path / 'sdq.db'}") as ledger:
        ledger.submissions.add(planned(home, ledger))
        stale = planned(home, ledger, TOML, batch="two")
        ledger.submissions.add(stale)
        (kept,) = ledger.submissions.known_entries("two")
        assert (kept.number, kept.recipe.prompt) == (1, "a tree")
        for batch, options, left_out in (
            ("one", {"image_format": "jpg"}, "--image-format"),
            ("one", {"path_template": "{seed}"}, "--path-template"),
            ("one", {"quality": 50}, "--quality"),
            ("two", {"quality": 50}, "--quality"),
        ):
            with pytest.raises(UsageError, match=f"Batch {batch} has .* Leave {left_out} out"):
                planned(home, ledger, batch=batch, **options)
        # neither a preference nor what it has already changes anything
        same = planned(home, ledger, 'image_format = "jpg"', batch="two", prompts=("a boat",),
                       quality=70, path_template="{batch}/{slug}-{seed}.webp")  # fmt: skip
        assert same.options["files"] == stale.options["files"]
        assert ledger.submissions.add(same).images_new == 1
        with pytest.raises(InputError, match="prompt 1 of batch two and --prompt"):
            planned(home, ledger, batch="two", prompts=("A tree!",))
        slice_ = ledger.work.load_slice(2)
        assert slice_ is not None
        assert slice_.filing.path(slice_.path_facts(0)) == "two/a-tree-0.webp"
        with pytest.raises(TryAgainError, match="submitted by another process"):
            ledger.submissions.add(replace(stale, name="one"))
