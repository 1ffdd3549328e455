"""Whose commands a worker runs: those of its own `sdq.toml`, and those of a ledger that lies beside it."""

from __future__ import annotations

from pathlib import Path

from db.connection import parsed_url
from sdq_core.settings import Settings


def runs_commands(settings: Settings) -> bool:
    """Whether commands that batches name are run: only if the ledger is a file in the data folder.

    Whoever can write that file can write `sdq.toml` beside it. A database on a server has others who may write it, and
    they may not run programs here.
    """
    url = parsed_url(settings.database_url)
    if url.get_backend_name() != "sqlite" or not url.database:
        return False
    return Path(url.database).resolve().parent == settings.home.resolve()
