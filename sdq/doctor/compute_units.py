"""What this machine's workers have learnt of compute units: which parts of models failed where."""

from __future__ import annotations

from db.inspection import inspect_ledger
from db.ledger import Ledger
from sdq.doctor.report import Fact, Section
from sdq.views.words import local_time
from sdq_core.errors import SdqError
from sdq_core.settings import Settings
from sdq_core.values.machine import this_machine

TITLE = "Compute units"


def compute_units(settings: Settings) -> Section:
    """Return what failed on machines like this one; the ledger is neither created nor migrated."""
    try:
        state = inspect_ledger(settings.database_url)
        if state.revision is None or state.revision != state.newest:
            return Section(
                title=TITLE,
                not_tried=["Reading what workers learnt: there is no ledger of this version."],
            )
        with Ledger.open(settings.database_url) as ledger:
            models = {
                variant.revision: variant.model for variant in ledger.variants.known().values()
            }
            failed = [
                trial for trial in ledger.unit_trials.of(this_machine()) if trial.error is not None
            ]
    except SdqError:
        return Section(title=TITLE)  # the ledger's own section says it
    facts = [
        Fact(
            name=f"{models.get(trial.revision, trial.revision)} {trial.part}",
            text=f"not on {trial.unit} since {local_time(trial.tried_at)}: {trial.error}",
        )
        for trial in failed
    ]
    return Section(
        title=TITLE, facts=facts or [Fact(name="failed", text="no part of a model on any of them")]
    )
