"""Which variant a worker draws `any` with."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from db.ledger import Ledger
from sdq_core.errors import (
    EngineDiedError,
    InputError,
    InputMissingError,
    PackageError,
    StorageError,
)
from sdq_core.models import DEMO, ModelStore, resolver
from sdq_core.values.recipes import Recipe
from sdq_core.values.variants import (
    ANY,
    AnyVariant,
    AttentionImplementation,
    ComputeUnit,
    Placement,
    Variant,
)
from worker.choosing.repertoire import Repertoire
from worker.choosing.unusable import NotOfThisLaneError, VariantPausedError, VariantUnusable

ORIGINAL, SPLIT = AttentionImplementation.ORIGINAL, AttentionImplementation.SPLIT_EINSUM
NE_LANE = Placement(attention_implementation=SPLIT, compute_unit=ComputeUnit.CPU_AND_NE)


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models")


def any_recipe(store: ModelStore, model: str = DEMO) -> Recipe:
    folder = resolver(store)(model, ANY)
    variant = AnyVariant(model=model, revision=folder.revision)
    return Recipe(variant=variant, prompt="x", width=folder.width, height=folder.height)


def variant(store: ModelStore, word: AttentionImplementation, unit: ComputeUnit) -> Variant:
    return Variant(
        model=DEMO,
        revision=store.find(DEMO, word).revision,
        attention_implementation=word,
        compute_unit=unit,
    )


def own_model(store: ModelStore, name: str, *words: AttentionImplementation) -> Path:
    """A copy of the demo model with some of its variants; give the folder of models."""
    for word in words:
        demo = store.find(DEMO, word)
        folder = store.models / f"{name}_{word}_packages"
        shutil.copytree(demo.parts["unet"].parent, folder)
        shutil.copytree(demo.tokenizer, folder / "tokenizer")
        shutil.copytree(demo.scheduler_config.parent, folder / "scheduler")
    return store.models


def test_without_lanes_the_reference_draws_unless_another_is_in_memory(
    ledger: Ledger, store: ModelStore
) -> None:
    repertoire = Repertoire(store, ledger)
    recipe = any_recipe(store)
    assert repertoire.variant_for(recipe, []) == variant(store, ORIGINAL, ComputeUnit.ALL)
    slow = variant(store, SPLIT, ComputeUnit.CPU_ONLY)
    pinned = variant(store, SPLIT, ComputeUnit.CPU_AND_NE)
    assert repertoire.variant_for(recipe, [slow]) == variant(store, ORIGINAL, ComputeUnit.ALL)
    assert repertoire.variant_for(recipe, [slow, pinned]) == pinned
    named = replace(recipe, variant=variant(store, SPLIT, ComputeUnit.ALL))
    assert repertoire.variant_for(named, [pinned]) == named.variant


def test_a_lane_draws_any_with_its_own_variant_and_no_other(
    ledger: Ledger, store: ModelStore
) -> None:
    repertoire = Repertoire(store, ledger, NE_LANE)
    expected = variant(store, SPLIT, ComputeUnit.CPU_AND_NE)
    assert repertoire.variant_for(any_recipe(store), []) == expected
    own_model(store, "mine", ORIGINAL)
    with pytest.raises(VariantUnusable) as caught:
        repertoire.variant_for(any_recipe(store, "mine"), [])
    assert isinstance(caught.value.cause, NotOfThisLaneError)
    assert caught.value.heals
    recipe = any_recipe(store, "mine")
    own_model(
        store, "mine", SPLIT
    )  # pulled meanwhile: it joins, and what was asked for is the same
    assert any_recipe(store, "mine") == recipe
    assert repertoire.variant_for(recipe, []).attention_implementation is SPLIT


def test_what_failed_or_is_paused_makes_way_for_another(ledger: Ledger, store: ModelStore) -> None:
    repertoire = Repertoire(store, ledger)
    recipe = any_recipe(store)
    first = repertoire.variant_for(recipe, [])
    repertoire.note(
        VariantUnusable(first, PackageError("its weights are damaged")), recipe.variant.key
    )
    second = repertoire.variant_for(recipe, [])
    assert second == variant(store, SPLIT, ComputeUnit.ALL)
    ledger.variants.pause(second, "by hand")  # although nobody asked for it by name
    with pytest.raises(VariantUnusable, match="by hand") as caught:
        repertoire.variant_for(recipe, [])
    assert caught.value.variant == recipe.variant
    assert caught.value.heals  # the one of the two that may
    ledger.variants.resume(second.key)
    assert repertoire.variant_for(recipe, []) == second
    repertoire.note(VariantUnusable(second, EngineDiedError("killed")), recipe.variant.key)
    with pytest.raises(VariantUnusable, match="killed") as caught:
        repertoire.variant_for(recipe, [])
    assert caught.value.heals


def test_a_lane_whose_variant_is_paused_looks_again(ledger: Ledger, store: ModelStore) -> None:
    repertoire = Repertoire(store, ledger, NE_LANE)
    own = repertoire.variant_for(any_recipe(store), [])
    ledger.variants.pause(own, "by hand")
    with pytest.raises(VariantUnusable, match=f"sdq resume --variant-key {own.key}") as caught:
        repertoire.variant_for(any_recipe(store), [])
    assert isinstance(caught.value.cause, VariantPausedError)
    assert caught.value.heals


def test_a_model_that_was_replaced_is_refused(ledger: Ledger, store: ModelStore) -> None:
    models = own_model(store, "mine", ORIGINAL, SPLIT)
    recipe = any_recipe(store, "mine")
    at_work = Repertoire(store, ledger)
    assert at_work.variant_for(recipe, []).model == "mine"
    config = models / "mine_original_packages" / "scheduler" / "scheduler_config.json"
    config.write_text(config.read_text() + " ")
    # The other variant's lane notices as well, and so does a worker that has drawn with the former files.
    for repertoire in (at_work, Repertoire(store, ledger), Repertoire(store, ledger, NE_LANE)):
        with pytest.raises(VariantUnusable, match="has changed since") as caught:
            repertoire.variant_for(recipe, [])
        assert isinstance(caught.value.cause, InputMissingError)
    assert any_recipe(store, "mine") != recipe
    shutil.rmtree(
        models / "mine_original_packages"
    )  # a machine that lacks the reference trusts the name
    assert Repertoire(store, ledger, NE_LANE).variant_for(recipe, []).model == "mine"


def test_what_one_variant_cannot_draw_is_left_to_others(ledger: Ledger, store: ModelStore) -> None:
    small = replace(any_recipe(store), width=64)
    with pytest.raises(VariantUnusable, match="not 64x128") as caught:
        Repertoire(store, ledger, NE_LANE).variant_for(small, [])
    assert isinstance(caught.value.cause, InputError)


def test_a_folder_that_says_no_attention_is_one_variant(store: ModelStore) -> None:
    folder = own_model(store, "mine", SPLIT) / "mine_split_einsum_packages"
    folder.rename(store.models / "plain")
    assert store.attention_implementations("plain") == [SPLIT]
    assert resolver(store)("plain", ANY).revision.startswith("split_einsum:")


def test_a_broken_variant_does_not_keep_the_others_from_being_asked_for(store: ModelStore) -> None:
    models = own_model(store, "mine", ORIGINAL, SPLIT)
    (models / "mine_original_packages" / "tokenizer" / "vocab.json").unlink()
    assert resolver(store)("mine", ANY).revision.startswith("split_einsum:")
    (models / "mine_split_einsum_packages" / "tokenizer" / "vocab.json").unlink()
    with pytest.raises(PackageError, match="mine_original_packages has no tokenizer"):
        resolver(store)("mine", ANY)


@pytest.fixture
def gpu(ledger: Ledger, store: ModelStore) -> Variant:
    return known(ledger, variant(store, ORIGINAL, ComputeUnit.CPU_AND_GPU))


@pytest.fixture
def ne(ledger: Ledger, store: ModelStore) -> Variant:
    return known(ledger, variant(store, SPLIT, ComputeUnit.CPU_AND_NE))


def known(ledger: Ledger, which: Variant) -> Variant:
    """Let the ledger know a variant, as it does once something is drawn or paused with it."""
    ledger.variants.pause(which, "so that the ledger knows it")
    ledger.variants.resume(which.key)
    return which


def test_lanes_are_given_only_their_own_queues(
    ledger: Ledger, store: ModelStore, gpu: Variant, ne: Variant
) -> None:
    lane = Repertoire(store, ledger, NE_LANE)
    assert lane.next_key([gpu.key, ne.key, "0123456789abcdef"], []) == ne.key
    assert lane.next_key([gpu.key, "0123456789abcdef"], []) is None
    assert Repertoire(store, ledger).next_key(["0123456789abcdef"], []) == "0123456789abcdef"


def test_the_variant_in_memory_comes_first_until_another_has_waited_too_long(
    ledger: Ledger, store: ModelStore, gpu: Variant, ne: Variant
) -> None:
    patient = Repertoire(store, ledger)
    assert patient.next_key([gpu.key, ne.key], [ne]) == ne.key
    patient.taken(ne.key)
    assert patient.next_key([gpu.key, ne.key], [ne]) == ne.key
    assert patient.next_key([gpu.key], [ne]) == gpu.key

    hasty = Repertoire(store, ledger, patience_s=0.0)
    hasty.next_key([gpu.key], [ne])  # waits from here on
    hasty.taken(ne.key)
    assert hasty.next_key([gpu.key, ne.key], [ne]) == gpu.key
    hasty.taken(gpu.key)
    assert hasty.next_key([gpu.key, ne.key], [gpu, ne]) == ne.key


def test_a_queue_that_cannot_be_drawn_is_left_alone_until_it_may_heal(
    ledger: Ledger, store: ModelStore, gpu: Variant, ne: Variant, monkeypatch: pytest.MonkeyPatch
) -> None:
    repertoire = Repertoire(store, ledger)
    repertoire.note(VariantUnusable(ne, PackageError("its weights are damaged")), ne.key)
    assert repertoire.next_key([ne.key], [ne]) is None
    paused = VariantUnusable(gpu, VariantPausedError(gpu, "ten in a row"))
    repertoire.note(paused, gpu.key)
    assert repertoire.next_key([gpu.key], [gpu]) is None
    # A variant that was paused and is resumed is drawn again by the same worker.
    monkeypatch.setattr("worker.choosing.unusable.LOOK_AGAIN_AFTER_S", 0.0)
    repertoire.note(paused, gpu.key)
    assert repertoire.next_key([ne.key, gpu.key], [ne, gpu]) == gpu.key


def test_a_variant_that_failed_for_any_keeps_its_own_queue(
    ledger: Ledger, store: ModelStore, ne: Variant
) -> None:
    repertoire = Repertoire(store, ledger)
    recipe = any_recipe(store)
    repertoire.note(VariantUnusable(ne, PackageError("out of memory")), recipe.variant.key)
    assert repertoire.next_key([ne.key], []) == ne.key
    assert repertoire.variant_for(recipe, [ne]) != ne


def test_what_cannot_be_loaded_ends_no_engine_for_it(ledger: Ledger, store: ModelStore) -> None:
    repertoire = Repertoire(store, ledger)
    mine = own_model(store, "mine", ORIGINAL)
    folder = store.find("mine", ORIGINAL)
    named = Placement(attention_implementation=ORIGINAL, compute_unit=ComputeUnit.ALL)
    recipe = replace(any_recipe(store), variant=named.of("mine", folder.revision))
    assert repertoire.variant_for(recipe, []) == recipe.variant
    shutil.rmtree(mine / "mine_original_packages")
    with pytest.raises(
        VariantUnusable, match="mine_original_packages is no longer there"
    ) as caught:
        repertoire.variant_for(recipe, [])
    assert caught.value.heals  # it may be put back
    assert repertoire.variant_for(recipe, [named.of("mine", folder.revision)]) == recipe.variant


def test_a_model_that_was_here_is_waited_for_and_one_that_never_was_is_not(
    ledger: Ledger,
    store: ModelStore,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    repertoire = Repertoire(store, ledger)
    models = own_model(store, "mine", ORIGINAL)
    folder = store.find("mine", ORIGINAL)
    named = Placement(attention_implementation=ORIGINAL, compute_unit=ComputeUnit.ALL)
    recipes = [
        replace(any_recipe(store), variant=named.of("mine", folder.revision)),
        any_recipe(store, "mine"),
    ]
    monkeypatch.setattr("worker.choosing.unusable.LOOK_FOR_ABSENT_AFTER_S", 0.0)
    for recipe in recipes:
        drawn_with = repertoire.variant_for(recipe, [])
        for _ in range(2):
            caplog.clear()
            models.rename(models.with_name("unplugged"))
            assert repertoire.variant_for(recipe, [drawn_with]) == drawn_with  # it is in memory
            for _ in range(2):
                with pytest.raises(VariantUnusable, match="is no longer there") as caught:
                    repertoire.variant_for(recipe, [])
                repertoire.note(caught.value, recipe.variant.key)
            assert caplog.text.count("Waiting for it") == 1
            assert not repertoire.unusable, "a burst would end, and leave these images undrawn"
            models.with_name("unplugged").rename(models)
            assert repertoire.variant_for(recipe, []) == drawn_with
        models.rename(models.with_name("unplugged"))
        stranger = Repertoire(store, ledger)
        with pytest.raises(VariantUnusable, match="There is no model") as caught:
            stranger.variant_for(recipe, [])
        stranger.note(caught.value, recipe.variant.key)
        assert recipe.variant.key in stranger.unusable
        models.with_name("unplugged").rename(models)


def test_a_model_that_vanishes_while_it_is_loaded_again_is_waited_for(
    ledger: Ledger, store: ModelStore
) -> None:
    repertoire = Repertoire(store, ledger)
    models = own_model(store, "mine", ORIGINAL)
    recipe = any_recipe(store, "mine")
    drawn_with = repertoire.variant_for(recipe, [])
    shutil.rmtree(models / "mine_original_packages")
    died = VariantUnusable(drawn_with, PackageError("the engine could not read it"))
    repertoire.note(died, drawn_with.key)
    assert not repertoire.unusable
    assert repertoire.next_key([drawn_with.key], []) is None


def test_a_disk_that_fails_for_a_moment_does_not_stop_any(
    ledger: Ledger, store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StorageError("the disk does not answer")

    repertoire = Repertoire(store, ledger)
    recipe = any_recipe(store)
    before = repertoire.variant_for(recipe, [])
    monkeypatch.setattr("worker.choosing.repertoire.complete_variants", fail)
    assert repertoire.variant_for(recipe, []) == before
    with pytest.raises(VariantUnusable, match="does not answer"):
        Repertoire(store, ledger).variant_for(recipe, [])
