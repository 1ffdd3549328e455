"""`sdq move`: draw a batch earlier or later."""

from __future__ import annotations

import click

from sdq.cli.batch import batch_argument, existing_batch
from sdq.cli.options import settings_options
from sdq.cli.outcome import Outcome, outcome_options
from sdq_core.errors import UsageError
from sdq_core.settings import Settings
from sdq_core.values.order import Priority


@click.command("move")
@batch_argument()
@click.option("--front", is_flag=True, help="Draw it before all other batches of its priority.")
@click.option(
    "--priority",
    type=click.Choice([str(priority) for priority in Priority]),
    help="Its new priority; without --front, it takes turns with the others of that priority.",
)
@outcome_options
@settings_options
def command(
    settings: Settings, batch: str, front: bool, priority: str | None, outcome: Outcome
) -> None:
    """Change a batch's place in the order of drawing, at once and for all of its images.

    Batches of higher priority are drawn first. Those of one priority take turns, except that one at the front is drawn
    before the others. A worker that draws something less urgent changes after its current image.
    """
    from db.dispatch import reorder
    from sdq.views.status import describe_rank
    from sdq_core.queue.connection import connect
    from sdq_core.queue.queues import Queues

    if not front and priority is None:
        raise UsageError("Say where to: --front, --priority high, normal or low, or both.")
    with existing_batch(settings, batch) as (ledger, found):
        queues = Queues(connect(settings), ledger.id)
        rank = ledger.batches.move(
            found.id, priority=Priority(priority) if priority else None, to_front=front
        )
        reorder(ledger, queues)
        outcome.say(f"Batch {found.name} is drawn {describe_rank(rank)}.")
        outcome.tell(
            id=found.id,
            name=found.name,
            priority=str(rank.priority),
            at_front=rank.place > 0,
        )
