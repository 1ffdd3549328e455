"""Why a batch does not move, as far as this machine can see, and what to do."""

from __future__ import annotations

from db.ledger import Ledger
from db.values import BatchState, BatchStatus
from sdq_core.errors import SdqError
from sdq_core.models import ModelStore
from sdq_core.models.outdated import require_variant
from sdq_core.settings import Settings
from sdq_core.values.variants import RecipeVariant


def why_waiting(
    settings: Settings, store: ModelStore, ledger: Ledger, status: BatchStatus
) -> list[str]:
    """Return a sentence for each hindrance of a batch; none if it is finished, cancelled, or should move.

    Paused variants are not among them: every status shows these.
    """
    if status.completed_at or status.state is BatchState.CANCELLED:
        return []
    if status.state is BatchState.PAUSED:
        return [f"waiting: the batch is paused. To continue, run `sdq resume {status.name}`."]
    hindrances = [
        f"waiting: {variant}: {problem}"
        for variant, pause in ledger.batches.open_variants(status.id).items()
        if pause is None and (problem := _problem(store, variant))
    ]
    problems = (_absent_outputs(settings, ledger), _no_worker(settings, ledger))
    return [*hindrances, *(f"waiting: {problem}" for problem in problems if problem)]


def _problem(store: ModelStore, variant: RecipeVariant) -> str | None:
    """Return why this machine cannot draw a variant; None if it can, or seems to."""
    try:
        require_variant(store, variant)
    except SdqError as error:
        return str(error)
    return None


def _absent_outputs(settings: Settings, ledger: Ledger) -> str | None:
    """Return that the output folder is gone, for which workers wait; None if it is there, or was never used here."""
    from sdq_core.images.root import OutputRoot

    try:
        OutputRoot(settings.outputs, home=settings.home, ledger_id=ledger.id).look()
    except SdqError as error:
        return str(error)
    return None


def _no_worker(settings: Settings, ledger: Ledger) -> str | None:
    """Return that no worker runs or may draw; None if one does. A Redis that does not run is not started for that."""
    from rq.suspension import is_suspended

    from sdq_core.queue.connection import connect
    from sdq_core.queue.failures import redis_errors
    from sdq_core.queue.queues import Queues
    from sdq_core.queue.server import RedisServer

    none = "no worker is running. Start one with `sdq worker`."
    try:
        if settings.redis_url is None and not RedisServer(settings.redis_folder).is_running():
            return none
        with connect(settings) as connection, redis_errors():
            if is_suspended(connection):
                return "`rq suspend` holds all workers. Run `rq resume`."
            return None if Queues(connection, ledger.id).claims.living() else none
    except SdqError as error:
        return str(error)
