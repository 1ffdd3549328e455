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
from sdq_core.queue.order import Waiting, queue_key
from sdq_core.values.order import Priority, Rank
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

ORDINARY = Rank()
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


def waits(
    variant: Variant | str, batch: int = 1, *, rank: Rank = ORDINARY, turn: int = 0
) -> Waiting:
    """A queue of a batch's slices."""
    variant_key = variant if isinstance(variant, str) else variant.key
    return Waiting(
        key=queue_key(variant_key, batch),
        variant_key=variant_key,
        batch_id=batch,
        slices=1,
        rank=rank,
        turn=turn,
    )


def test_lanes_are_given_only_their_own_queues(
    ledger: Ledger, store: ModelStore, gpu: Variant, ne: Variant
) -> None:
    lane = Repertoire(store, ledger, NE_LANE)
    unknown = waits("0123456789abcdef")
    assert lane.next_queue([waits(gpu), waits(ne), unknown], []) == waits(ne)
    assert lane.next_queue([waits(gpu), unknown], []) is None
    assert Repertoire(store, ledger).next_queue([unknown], []) == unknown


def test_what_is_more_urgent_comes_first_whatever_is_in_memory(
    ledger: Ledger, store: ModelStore, gpu: Variant, ne: Variant
) -> None:
    repertoire = Repertoire(store, ledger)
    low = waits(ne, 1, rank=Rank(priority=Priority.LOW))
    normal, front = waits(ne, 2), waits(gpu, 3, rank=Rank(place=1), turn=99)
    high = waits(gpu, 4, rank=Rank(priority=Priority.HIGH), turn=999)
    queues = [low, normal, front, high]
    for expected in (high, front, normal, low):
        assert repertoire.next_queue(queues, [ne]) == expected
        queues.remove(expected)
    assert repertoire.is_outranked(Rank(), [normal, high])
    assert not repertoire.is_outranked(Rank(), [low, normal])
    lane = Repertoire(store, ledger, NE_LANE)
    assert not lane.is_outranked(Rank(), [normal, high]), "another lane draws it"
    lane.note(VariantUnusable(ne, PackageError("its weights are damaged")), ne.key)
    assert not lane.is_outranked(low.rank, [normal])


def test_batches_take_turns_among_the_variants_in_memory(
    ledger: Ledger, store: ModelStore, gpu: Variant, ne: Variant
) -> None:
    repertoire = Repertoire(store, ledger)
    mine, yours, third = waits(ne, 1, turn=25), waits(ne, 2, turn=24), waits(gpu, 3, turn=23)
    assert repertoire.next_queue([mine, yours], [ne]) == yours
    assert repertoire.next_queue([mine, yours, third], [ne]) == yours
    assert repertoire.next_queue([mine, yours, third], [ne, gpu]) == third
    # Of a batch with two variants, the one that is drawing goes on.
    both = [waits(ne, 1), waits(gpu, 1)]
    for pinned in ([ne, gpu], [gpu, ne]):
        chosen = repertoire.next_queue(both, pinned)
        assert chosen is not None
        assert chosen.variant_key == pinned[0].key


def test_the_variant_in_memory_comes_first_until_another_has_waited_too_long(
    ledger: Ledger, store: ModelStore, gpu: Variant, ne: Variant
) -> None:
    here, other = waits(ne, 1, turn=100), waits(gpu, 2)
    patient = Repertoire(store, ledger)
    assert patient.next_queue([other, here], [ne]) == here
    patient.taken(here, [ne])
    assert patient.next_queue([other, here], [ne]) == here
    assert patient.next_queue([other], [ne]) == other

    hasty = Repertoire(store, ledger, patience_s=0.0)
    hasty.next_queue([other], [ne])  # waits from here on
    hasty.taken(here, [ne])
    assert hasty.next_queue([other, here], [ne]) == other


def test_no_two_variants_are_loaded_one_soon_after_the_other_for_fairness(
    ledger: Ledger, store: ModelStore, gpu: Variant, ne: Variant, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("worker.choosing.repertoire.time.monotonic", lambda: now)
    third = known(ledger, variant(store, SPLIT, ComputeUnit.ALL))
    queues = [waits(ne, 1), waits(gpu, 2), waits(third, 3)]
    repertoire = Repertoire(store, ledger, patience_s=300)
    pinned = [ne]
    loads = 0
    for _ in range(100):  # a slice takes 10 s
        chosen = repertoire.next_queue(queues, pinned)
        assert chosen is not None
        loads += not repertoire.holds(chosen, pinned)
        repertoire.taken(chosen, pinned)
        pinned = [each for each in (ne, gpu, third) if each.key == chosen.variant_key]
        now += 10
    assert loads == 3, "in 1000 s"


def test_a_queue_that_cannot_be_drawn_is_left_alone_until_it_may_heal(
    ledger: Ledger, store: ModelStore, gpu: Variant, ne: Variant, monkeypatch: pytest.MonkeyPatch
) -> None:
    repertoire = Repertoire(store, ledger)
    repertoire.note(VariantUnusable(ne, PackageError("its weights are damaged")), ne.key)
    assert repertoire.next_queue([waits(ne)], [ne]) is None
    paused = VariantUnusable(gpu, VariantPausedError(gpu, "ten in a row"))
    repertoire.note(paused, gpu.key)
    assert repertoire.next_queue([waits(gpu)], [gpu]) is None
    # A variant that was paused and is resumed is drawn again by the same worker.
    monkeypatch.setattr("worker.choosing.unusable.LOOK_AGAIN_AFTER_S", 0.0)
    repertoire.note(paused, gpu.key)
    assert repertoire.next_queue([waits(ne), waits(gpu)], [ne, gpu]) == waits(gpu)


def test_an_engine_that_dies_at_every_load_is_tried_less_and_less_often(
    ledger: Ledger, store: ModelStore, gpu: Variant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However urgent what needs it is: each try ends the engine that draws something else."""
    now = 0.0
    monkeypatch.setattr("worker.choosing.unusable.time.monotonic", lambda: now)
    repertoire = Repertoire(store, ledger)
    died = VariantUnusable(gpu, EngineDiedError("killed while it loaded"))
    tries = []
    for now in map(float, range(0, 4000, 10)):
        if repertoire.next_queue([waits(gpu)], []):
            tries.append(now)
            repertoire.note(died, gpu.key)
    assert tries == [0, 60, 180, 420, 900, 1860, 2820, 3780]


def test_a_variant_that_failed_for_any_keeps_its_own_queue(
    ledger: Ledger, store: ModelStore, ne: Variant
) -> None:
    repertoire = Repertoire(store, ledger)
    recipe = any_recipe(store)
    repertoire.note(VariantUnusable(ne, PackageError("out of memory")), recipe.variant.key)
    assert repertoire.next_queue([waits(ne)], []) == waits(ne)
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
    assert repertoire.next_queue([waits(drawn_with)], []) is None


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
