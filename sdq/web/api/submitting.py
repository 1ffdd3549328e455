"""From requests to a batch: the same plan that `sdq submit` makes, with its checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from db.ledger import Ledger
from db.values import JSON, PlannedEntry
from producer import PromptSource
from sdq.submitting.options import SubmitOptions
from sdq.submitting.planned import plan_request
from sdq.submitting.request import read_request
from sdq.submitting.submission import submit_plan
from sdq.web.api.errors import missing
from sdq_core.models import ModelStore
from sdq_core.settings import Settings
from sdq_core.values.order import Priority


@dataclass(frozen=True, kw_only=True)
class Submitted:
    """A batch with what was asked for. entries: its recipes and seeds."""

    batch_id: int
    batch_name: str
    entries: Sequence[PlannedEntry]

    @property
    def images(self) -> int:
        """How many images are asked for."""
        return sum(len(entry.seeds) for entry in self.entries)


def submit_batch(
    settings: Settings,
    models: ModelStore,
    ledger: Ledger,
    lines: Sequence[Mapping[str, JSON]],
    *,
    source: PromptSource,
    recorded: Mapping[str, JSON],
) -> Submitted:
    """Queue lines as a batch of their own; one that has this source already gets what is new of them.

    source: the batch is named after it, and `source.text` is what it is known by.
    recorded: what the batch keeps.
    """
    options = SubmitOptions(objects=lines, literal=True)
    return _submit(settings, models, ledger, options, source, recorded)


def submit_now(
    settings: Settings,
    models: ModelStore,
    ledger: Ledger,
    line: Mapping[str, JSON],
    *,
    batch: str,
) -> Submitted:
    """Queue a line before everything else, in a batch that grows with each of them."""
    options = SubmitOptions(
        objects=[line], literal=True, batch=batch, priority=str(Priority.HIGH), at_front=True
    )
    return _submit(settings, models, ledger, options, None, {})


def require_model(settings: Settings, models: ModelStore, name: str) -> str:
    """Return the name of a model that is here; raise ApiError for another, and for a path that is not the preferred."""
    if name != settings.preferences.model and name not in models.names():
        raise missing(
            f"The model {name[:100]!r} does not exist here. GET /v1/models lists those that do.",
            "model",
            "model_not_found",
        )
    return name


def _submit(
    settings: Settings,
    models: ModelStore,
    ledger: Ledger,
    options: SubmitOptions,
    source: PromptSource | None,
    recorded: Mapping[str, JSON],
) -> Submitted:
    request = read_request(options, settings)
    request = replace(
        request,
        source=source or request.source,
        recorded={**request.recorded, **recorded},
    )
    planned = plan_request(settings, request, ledger, store=models)
    added = submit_plan(settings, ledger, planned.plan, outdated=planned.outdated)
    return Submitted(
        batch_id=added.batch_id, batch_name=added.batch_name, entries=planned.plan.entries
    )
