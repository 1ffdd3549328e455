"""`sdq retry`: queue failed images again."""

from __future__ import annotations

import click

from sdq.cli.batch import batch_argument, existing_batch
from sdq.cli.options import settings_options
from sdq.cli.outcome import Outcome, outcome_options
from sdq_core.settings import Settings


@click.command("retry")
@batch_argument()
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="NAME=VALUE",
    help="Change a setting, in a new batch BATCH-retry: steps=40; may be repeated.",
)
@outcome_options
@settings_options
def command(settings: Settings, batch: str, changes: tuple[str, ...], outcome: Outcome) -> None:
    """Queue a batch's failed images again, with their attempts reset.

    With --set, the same prompts and seeds are drawn with other settings. They become a batch of their own, because the
    original batch still asks for its own images.
    """
    from dataclasses import replace

    from db.dispatch import reconcile
    from producer import plan_batch
    from producer.again import lines_again
    from producer.changes import Changes
    from producer.planning.collisions import check_paths
    from producer.planning.defaults import Defaults
    from sdq.submitting.submission import describe_submission, submit_plan
    from sdq.views.batch_object import batch_id
    from sdq.views.words import counted
    from sdq_core.images.filing import Filing
    from sdq_core.models import DEMO, ModelStore, resolver
    from sdq_core.queue.connection import connect
    from sdq_core.queue.queues import Queues
    from sdq_core.values.variants import AttentionImplementation, ComputeUnit

    with existing_batch(settings, batch) as (ledger, found):
        failed = ledger.batches.failed_images(found.id)
        if not failed:
            outcome.say(f"No image of batch {found.name} has failed.")
            outcome.tell(id=batch_id(found.id), name=found.name, images=0)
            return
        if not changes:
            queues = Queues(connect(settings), ledger.id)
            retried = ledger.batches.retry_failed(found.id)
            reconcile(ledger, queues, wait_s=60)
            are = "is" if retried == 1 else "are"
            outcome.say(f"{counted(retried, 'image')} of batch {found.name} {are} queued again.")
            outcome.tell(id=batch_id(found.id), name=found.name, images=retried)
            return
        changed = Changes(changes)
        defaults = Defaults(
            model=DEMO,  # every line names its own
            variants=(AttentionImplementation.ORIGINAL,),
            compute_unit=ComputeUnit.ALL,
            batch_name=f"{found.name}-retry",
        )
        plan = plan_batch(
            [changed.of(line) for line in lines_again(failed)],
            defaults,
            resolver(ModelStore(settings.models), ledger.variants.known().values()),
            source=f"sdq retry {found.name}",
        )
        again = ledger.batches.find(f"{found.name}-retry") or found
        filing = Filing.of(ledger.batches.request(again.id).options.given)
        check_paths(
            plan.entries,
            filing,
            f"{found.name}-retry",
            lambda: ledger.submissions.known_entries(f"{found.name}-retry"),
        )
        plan = replace(plan, options={**plan.options, **filing.to_options()})
        submission = submit_plan(settings, ledger, plan)
        outcome.say(describe_submission(submission))
        outcome.tell(
            id=batch_id(submission.batch_id),
            name=submission.batch_name,
            images=submission.images_new,
        )
