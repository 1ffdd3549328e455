"""`sdq open`: a batch's folder in the file manager."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sdq.cli.batch import batch_argument, existing_batch
from sdq.cli.options import settings_options
from sdq_core.errors import InputMissingError, SdqError
from sdq_core.settings import Settings

if TYPE_CHECKING:
    from db.ledger import Ledger
    from db.values import BatchStatus

#: Some file managers stay in the foreground until their window is closed.
_PATIENCE_S = 5.0


@click.command("open")
@batch_argument()
@settings_options
def command(settings: Settings, batch: str) -> None:
    """Open a batch's folder in the Finder or the file manager, and print its path.

    Where there is neither, as over SSH, only the path is printed.
    """
    with existing_batch(settings, batch) as (ledger, status):
        folder = _folder(settings, ledger, status)
    click.echo(str(folder))
    if opener := _opener():
        _open(opener, folder)


def _folder(settings: Settings, ledger: Ledger, status: BatchStatus) -> Path:
    """Return the folder of a batch; if all its images were drawn for another one, that one's."""
    from sdq_core.images.filing import Filing
    from sdq_core.images.root import OutputRoot

    filing = Filing.of(ledger.batches.request(status.id).options.given)
    own = settings.outputs / filing.folder(status.name)
    first = next(ledger.batches.images(status.id), None)
    if first is None:
        raise InputMissingError(
            f"Batch {status.name!r} has no finished images yet. Start `sdq worker`."
        )
    OutputRoot(settings.outputs, home=settings.home, ledger_id=ledger.id).require()
    others = Path(first.image.path).parts[:-1][:1]
    folder = own if own.is_dir() else settings.outputs.joinpath(*others)
    if not folder.is_dir():
        raise InputMissingError(f"{folder} is gone. Run `sdq verify {status.name}`.")
    return folder


def _opener() -> str | None:
    """Return the program that opens folders here, None without one or without a screen."""
    if sys.platform == "darwin":
        return shutil.which("open")
    has_screen = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return shutil.which("xdg-open") if has_screen else None


def _open(opener: str, folder: Path) -> None:
    process = subprocess.Popen(
        [opener, str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        code = process.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        return
    if code:
        raise SdqError(f"`{Path(opener).name}` could not open {folder} (exit code {code}).")
