"""A small ledger beside an embedded Redis, planned as `sdq submit` plans it."""

from __future__ import annotations

from pathlib import Path

from db.ledger import Ledger
from db.values import BatchPlan, Slice, Submission
from producer.planning.defaults import Defaults
from producer.planning.plan import plan_batch
from producer.reading.prompt_line import PromptLine
from sdq_core.models import DEMO, ModelStore
from sdq_core.queue.queues import Queues
from sdq_core.values.variants import AttentionImplementation, ComputeUnit
from tests.ledger.plans import ENGINE, record

VARIANTS = (AttentionImplementation.ORIGINAL, AttentionImplementation.SPLIT_EINSUM)


def small_plan(
    *prompts: str,
    images: int = 4,
    slice_size: int = 2,
    variants: int = 1,
    name: str | None = None,
    steps: int = 2,
) -> BatchPlan:
    """Each prompt with so many seeds, in slices of two, for the first so many variants of the demo model."""
    return plan_batch(
        [PromptLine(prompt=prompt, source="prompts.txt:1") for prompt in prompts],
        Defaults(
            model=DEMO,
            variants=VARIANTS[:variants],
            compute_unit=ComputeUnit.ALL,
            num_inference_steps=steps,
            seeds=range(images),
            slice_size=slice_size,
            batch_name=name,
        ),
        ModelStore(Path("nowhere")).find,
    )


def submit(ledger: Ledger, *prompts: str, images: int = 4, variants: int = 1) -> Submission:
    return ledger.submissions.add(small_plan(*prompts, images=images, variants=variants))


def counts(queues: Queues) -> dict[str, int]:
    """How many slices wait in each queue that is to be drawn from, by its key."""
    return {queue.key: queue.slices for queue in queues.waiting()}


def open_ids(ledger: Ledger) -> list[int]:
    return [slice_.id for slice_ in ledger.work.open_slices()]


def loaded(ledger: Ledger, slice_id: int) -> Slice:
    slice_ = ledger.work.load_slice(slice_id)
    assert slice_ is not None
    return slice_


def finish(ledger: Ledger, slice_id: int) -> None:
    """Write all that a worker writes for a slice that it drew."""
    slice_ = loaded(ledger, slice_id)
    engine_id = ledger.work.register_engine(ENGINE)
    ledger.work.note_attempts(
        slice_.recipe_id, slice_.seeds, engine_id=engine_id, slice_id=slice_id
    )
    for seed in slice_.seeds:
        ledger.work.record_and_go_on(record(slice_, seed, engine_id))
    assert ledger.work.finish_slice(slice_id)
