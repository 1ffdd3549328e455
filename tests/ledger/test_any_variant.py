"""Recipes that leave the variant open: what was asked for, what drew it, and what is held back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from alembic import command
from sqlalchemy import text

from db.connection import Database
from db.ledger import Ledger
from db.schema import alembic_config, stored_revision
from db.tables import HEAD_REVISION
from db.values import BatchPlan, PlannedEntry, Slice
from sdq_core.values.recipes import Recipe
from sdq_core.values.variants import AnyVariant, AttentionImplementation, ComputeUnit
from tests.ledger.plans import ENGINE, VARIANT, plan, record

ANY_RECIPE = Recipe(
    variant=AnyVariant(model="demo", revision="original:0123456789abcdef"),
    prompt="a",
    width=128,
    height=128,
)
NE = replace(
    VARIANT,
    attention_implementation=AttentionImplementation.SPLIT_EINSUM,
    compute_unit=ComputeUnit.CPU_AND_NE,
)


@pytest.fixture
def slice_(ledger: Ledger) -> Slice:
    """An open slice of three images, for any variant; the same prompt is asked for by a variant's name too."""
    ledger.submissions.add(plan(["a"], range(3), name="named"))
    entries = [PlannedEntry(recipe=ANY_RECIPE, seeds=range(3))]
    submission = ledger.submissions.add(
        BatchPlan(name="any", source_name="any", source="-", key="any", entries=entries)
    )
    assert submission.images_new == 3
    slice_ = ledger.work.load_slice(submission.slices[0].id)
    assert slice_ is not None
    assert slice_.recipe == ANY_RECIPE
    return slice_


def test_each_image_says_which_variant_drew_it(ledger: Ledger, slice_: Slice) -> None:
    gpu = ledger.work.register_engine(ENGINE)
    ne = ledger.work.register_engine(replace(ENGINE, variant=NE))  # asked for by nobody
    for seed, engine_id in ((0, gpu), (1, ne), (2, gpu)):
        ledger.work.record_and_go_on(record(slice_, seed, engine_id))
    assert ledger.work.finish_slice(slice_.id)
    images = list(ledger.batches.images("any"))
    assert [image.engine.variant for image in images] == [VARIANT, NE, VARIANT]
    assert [image.recipe for image in images] == [ANY_RECIPE] * 3
    assert list(ledger.batches.images("named")) == []
    assert set(ledger.variants.known().values()) == {VARIANT, NE, ANY_RECIPE.variant}


def test_times_count_for_the_variant_that_drew(ledger: Ledger, slice_: Slice) -> None:
    engine_id = ledger.work.register_engine(replace(ENGINE, variant=NE))
    ledger.work.record_and_go_on(record(slice_, 0, engine_id))
    recent = ledger.estimates.recent()
    for variant in (NE, ANY_RECIPE.variant):
        time = recent.time(variant, 20)
        assert time is not None
        assert time.mean_s == pytest.approx(0.1055)
    other = AnyVariant(model="other", revision=ANY_RECIPE.variant.revision)
    for variant in (VARIANT, other):
        assert recent.time(variant, 20) is None


def test_a_variant_that_is_paused_while_it_draws_any_ends_its_slice(
    ledger: Ledger, slice_: Slice
) -> None:
    gpu = ledger.work.register_engine(ENGINE)
    ne = ledger.work.register_engine(replace(ENGINE, variant=NE))
    ledger.variants.pause(NE.key, "by hand")
    refused = ledger.work.record_and_go_on(record(slice_, 0, ne))
    assert (refused.new, refused.wanted) == (True, False)
    assert ledger.work.record_and_go_on(record(slice_, 1, gpu)).wanted
    assert slice_.id in {ref.id for ref in ledger.work.open_slices()}  # others go on
    ledger.variants.pause(ANY_RECIPE.variant.key, "by hand")
    assert slice_.id not in {ref.id for ref in ledger.work.open_slices()}


def test_a_row_is_replaced_only_by_a_file_at_its_own_place(ledger: Ledger, slice_: Slice) -> None:
    gpu = ledger.work.register_engine(ENGINE)
    ne = ledger.work.register_engine(replace(ENGINE, variant=NE))
    first, second = record(slice_, 0, gpu), replace(record(slice_, 0, ne), sha256="ef" * 32)
    assert ledger.work.replace_done(second) is False  # nobody drew it yet
    ledger.work.record_and_go_on(first)
    assert ledger.work.record_and_go_on(second).new is False
    assert ledger.work.replace_done(replace(second, path="elsewhere.png")) is False
    assert next(iter(ledger.batches.images("any"))).image == first
    assert ledger.work.replace_done(second) is True
    (image,) = ledger.batches.images("any")
    assert (image.image, image.engine.variant) == (second, NE)


def test_an_older_ledgers_engines_get_their_recipes_variant(empty_url: str) -> None:
    database = Database(empty_url)
    with database.writing() as connection:
        command.upgrade(alembic_config(connection), "0001")
        connection.execute(
            text(
                "INSERT INTO variants (id, key, model, revision, attention_implementation, compute_unit) "
                "VALUES (5, 'k', 'demo', 'r', 'split_einsum', 'ALL')"
            )
        )
        connection.execute(
            text(
                "INSERT INTO recipes (id, content_key, variant_id, prompt, negative_prompt, num_inference_steps, "
                "guidance_scale, scheduler, width, height, rng) "
                "VALUES (1, :key, 5, 'a', '', 20, 7.5, 'DDIM', 128, 128, 'numpy')"
            ),
            {"key": b"\0" * 32},
        )
        for engine in (1, 2):  # the second drew nothing
            connection.execute(
                text(
                    "INSERT INTO engines (id, worker, host, pid, pipeline, runtime, compute_unit, precision, os, chip, "
                    "load_ms, started_at) VALUES (:id, 'w', 'h', 1, 'builtin', 'onnx', 'ALL', 'x', 'L', 'c', 1, 1)"
                ),
                {"id": engine},
            )
        connection.execute(
            text(
                "INSERT INTO images (id, recipe_id, seed, status, attempts, engine_id) VALUES (1, 1, 0, 'done', 1, 1)"
            )
        )
    Ledger.open(empty_url).close()
    with database.reading() as connection:
        assert stored_revision(connection) == HEAD_REVISION
        rows = connection.execute(text("SELECT id, variant_id FROM engines ORDER BY id")).all()
        assert [tuple(row) for row in rows] == [(1, 5), (2, None)]
    database.close()
