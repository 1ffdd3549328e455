"""The page that `[report]` in `sdq.toml` asks for whenever a batch ends."""

from __future__ import annotations

import os
from pathlib import Path

from db.ledger import Ledger
from sdq.views.report.file import write_report
from sdq_core.errors import ConfigurationError
from sdq_core.images.path import batch_folder
from sdq_core.images.root import OutputRoot
from sdq_core.settings import Settings, whole_path
from sdq_core.settings_file import BATCH_TOKEN


def page_of(settings: Settings, batch_name: str) -> Path:
    """Return a batch's page; a path that is not whole begins in the data folder."""
    assert settings.report is not None
    named = settings.report.replace(BATCH_TOKEN, batch_folder(batch_name))
    return whole_path(named) if named.startswith(("/", "~")) else settings.home / named


def write_page(settings: Settings, ledger: Ledger, batch_name: str) -> Path:
    """Write a batch's page and return where it is; raise OutputError or StorageError if it cannot be written."""
    page = page_of(settings, batch_name)
    outputs = OutputRoot(settings.outputs, home=settings.home, ledger_id=ledger.id)
    summary = ledger.summaries.of(batch_name)
    write_report(page, summary, ledger.variants.paused(), outputs)
    return page


def problem(settings: Settings) -> str | None:
    """Return why pages could not be written now, as far as can be seen without writing; None if nothing is known."""
    try:
        page = page_of(settings, "batch")
    except ConfigurationError as error:
        return str(error)
    place = page.parent
    while not os.path.lexists(place) and place != place.parent:
        place = place.parent
    if page.is_dir():
        reason = f"{page} is a folder"
    elif not place.is_dir():
        reason = f"{place} is not a folder"
    elif not os.access(place, os.W_OK | os.X_OK):
        reason = f"{place} cannot be written"
    else:
        return None
    return (
        f"The reports of [report] in sdq.toml cannot be written: {reason}. Name another file there."
    )
