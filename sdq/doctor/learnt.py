"""What this machine's workers have learnt: which parts of models failed where, and what updates have changed."""

from __future__ import annotations

import math
from collections.abc import Sequence

from db.inspection import inspect_ledger
from db.ledger import Ledger
from sdq.doctor.report import Fact, Section
from sdq.views.words import local_time
from sdq_core.errors import SdqError
from sdq_core.settings import Settings
from sdq_core.values.machine import this_machine
from sdq_core.values.quality import LEAST_PSNR_DB

_UNITS, _UPDATES = "Compute units", "Updates"


def learnt(settings: Settings) -> Sequence[Section]:
    """Return what was found on machines like this one; the ledger is neither created nor migrated."""
    try:
        state = inspect_ledger(settings.database_url)
        if state.revision is None or state.revision != state.newest:
            nothing = ["Reading what workers learnt: there is no ledger of this version."]
            return [Section(title=title, not_tried=nothing) for title in (_UNITS, _UPDATES)]
        with Ledger.open(settings.database_url) as ledger:
            return [
                Section(title=_UNITS, facts=_units(ledger)),
                Section(title=_UPDATES, facts=_updates(ledger)),
            ]
    except SdqError:  # the ledger's own section says it
        return [Section(title=_UNITS), Section(title=_UPDATES)]


def _units(ledger: Ledger) -> list[Fact]:
    models = {variant.revision: variant.model for variant in ledger.variants.known().values()}
    facts = [
        Fact(
            name=f"{models.get(trial.revision, trial.revision)} {trial.part}",
            text=f"not on {trial.unit} since {local_time(trial.tried_at)}: {trial.error}",
        )
        for trial in ledger.unit_trials.of(this_machine())
        if trial.error is not None
    ]
    return facts or [Fact(name="failed", text="no part of a model on any of them")]


def _updates(ledger: Ledger) -> list[Fact]:
    """Return how the first images after an update were; one that changed is no problem of this installation."""
    facts = []
    for one in ledger.smoke_checks.newest(this_machine()):
        check = one.check
        psnr_db = check.psnr_db
        facts.append(
            Fact(
                name=str(one.variant),
                text=f"{check.finding()}, {local_time(one.checked_at)}",
                value={
                    "alike": check.is_alike,
                    "changes": list(check.changes),
                    "path": check.path,
                    "identical": psnr_db is not None and math.isinf(psnr_db),
                    "psnr_db": None
                    if psnr_db is None or math.isinf(psnr_db)
                    else round(psnr_db, 1),
                    "expected_db": LEAST_PSNR_DB,
                    "error": check.error,
                },
            )
        )
    return facts or [Fact(name="compared", text="no variant yet since an update")]
