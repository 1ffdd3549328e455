"""From a plan to ledger and queues, and what came of it in a sentence."""

from __future__ import annotations

from collections.abc import Collection

from db.dispatch import dispatch, withdrawn
from db.ledger import Ledger
from db.values import BatchPlan, Submission
from sdq.submitting.request import Request
from sdq.views.words import counted
from sdq_core.inputs.store import InputStore
from sdq_core.queue.connection import connect
from sdq_core.queue.queues import Queues
from sdq_core.settings import Settings
from sdq_core.values.variants import RecipeVariant


def submit_plan(
    settings: Settings,
    ledger: Ledger,
    plan: BatchPlan,
    *,
    outdated: Collection[RecipeVariant] = (),
) -> Submission:
    """Keep the plan's pictures, commit it, then queue it; a crash in between heals at the next submit or worker start.

    outdated: as in `Planned`.
    """
    # Connect before anything is stored: a submission without queues helps nobody.
    queues = Queues(connect(settings), ledger.id)
    inputs = InputStore(settings.inputs)
    if plan.pictures:
        inputs.note(ledger.id)
    for picture in plan.pictures:
        inputs.keep(picture)
    with withdrawn(queues, ledger.submissions.replaceable(plan, outdated)) as instead_of:
        submission = ledger.submissions.add(plan, instead_of=instead_of)
    dispatch(ledger, queues, submission)
    return submission


def describe_submission(
    submission: Submission, request: Request | None = None, *, with_slices: bool = False
) -> str:
    """Return what a submission added, and how to get other images if it added none.

    request: what was submitted, None for images of the ledger.
    with_slices: say in how many slices.
    """
    name = submission.batch_name
    new, known, drawn = submission.images_new, submission.images_known, submission.images_drawn
    replaced = submission.images_replaced
    if not new and not drawn and not submission.images_failed:
        what = "the image was" if known == 1 else f"all {known:,} images were"
        taken_out = (
            f" {replaced:,} that could no longer be drawn were taken out." if replaced else ""
        )
        other_seeds = request.other_seeds() if request else ""
        return f"Batch {name}: nothing new; {what} submitted before.{taken_out}{other_seeds}"
    slices = f" in {counted(submission.slices_new, 'slice')}" if with_slices else ""
    parts = [f"{counted(new, 'image')} to draw{slices}"]
    if known:
        parts.append(f"{known:,} submitted before")
    if drawn:
        parts.append(f"{drawn:,} drawn already")
    if submission.images_failed:
        parts.append(f"{submission.images_failed:,} failed before")
    if replaced:
        parts.append(f"in place of {replaced:,} that could no longer be drawn")
    return f"Batch {name}: {', '.join(parts)}."
