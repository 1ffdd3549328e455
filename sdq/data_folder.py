"""The data folder: made by the first command that needs it, unless its drive seems to be missing."""

from __future__ import annotations

import shlex

from sdq_core.errors import OutputError, StorageError
from sdq_core.settings import Settings


def refuse_absent_drive(settings: Settings) -> None:
    """Raise OutputError if neither the data folder nor the folder that it would be in is there, or if it is a file.

    Nothing else records that a data folder was there. One that was named and lacks even its place is more likely on a
    drive that is not connected than new.
    """
    home = settings.home
    if home.exists() and not home.is_dir():
        raise OutputError(f"The data folder {home} is not a folder. Set SDQ_HOME to one.")
    if settings.origins["home"] != "default" and not home.exists() and not home.parent.exists():
        raise OutputError(
            f"The data folder {home} is not there, and neither is {home.parent}. Reconnect its drive; or, for a new "
            f"data folder, run `mkdir -p {shlex.quote(str(home))}`."
        )


def require_data_folder(settings: Settings) -> None:
    """Raise StorageError if the data folder is gone: for a process that was started by the one that made it."""
    if not settings.home.is_dir():
        raise StorageError(
            f"The data folder {settings.home} is no longer there. Reconnect its drive."
        )


def make_data_folder(settings: Settings) -> None:
    """Make the data folder if it is not there yet; raise OutputError if it cannot or should not be made.

    Whatever draws calls this once, at its start. A data folder that is missing afterwards has vanished.
    """
    refuse_absent_drive(settings)
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"The data folder {settings.home} cannot be created ({error.strerror}). Set SDQ_HOME to a folder of your "
            "own."
        ) from error
