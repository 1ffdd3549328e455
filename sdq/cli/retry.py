"""`sdq retry`: queue failed images again."""

from __future__ import annotations

import click

from sdq.cli.options import open_ledger, settings_options
from sdq_core.settings import Settings


@click.command("retry")
@click.argument("batch")
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="NAME=VALUE",
    help="Change a setting, in a new batch BATCH-retry: steps=40; may be repeated.",
)
@settings_options
def command(settings: Settings, batch: str, changes: tuple[str, ...]) -> None:
    """Queue a batch's failed images again, with their attempts reset.

    With --set, the same prompts and seeds are drawn with other settings. They become a batch of their own, because the
    original batch still asks for its own images.
    """
    from db.dispatch import reconcile
    from producer import plan_batch
    from producer.again import lines_again
    from producer.planning.defaults import Defaults
    from sdq.cli.submission import describe_submission, submit_plan
    from sdq.views.words import counted
    from sdq_core.models import DEMO, ModelStore, resolver
    from sdq_core.queue.connection import connect
    from sdq_core.queue.queues import Queues
    from sdq_core.values.variants import AttentionImplementation, ComputeUnit

    with open_ledger(settings) as ledger:
        failed = ledger.batches.failed_images(batch)
        if not failed:
            click.echo(f"No image of batch {batch} has failed.")
            return
        if not changes:
            queues = Queues(connect(settings), ledger.id)
            retried = ledger.batches.retry_failed(batch)
            reconcile(ledger, queues, wait_s=60)
            are = "is" if retried == 1 else "are"
            click.echo(f"{counted(retried, 'image')} of batch {batch} {are} queued again.")
            return
        defaults = Defaults(
            model=DEMO,  # every line names its own
            variants=(AttentionImplementation.ORIGINAL,),
            compute_unit=ComputeUnit.ALL,
            batch_name=f"{failed[0].batch_name}-retry",
        )
        plan = plan_batch(
            lines_again(failed, changes),
            defaults,
            resolver(ModelStore(settings.models)),
            source=f"sdq retry {batch}",
        )
        submission = submit_plan(settings, ledger, plan)
        click.echo(describe_submission(submission))
