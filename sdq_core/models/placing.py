"""Placing packages in the models folder: under a name that is free, as links or as copies."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from sdq_core.errors import InputError, OutputError, StorageError
from sdq_core.models.litter import is_litter
from sdq_core.values.names import one_spelling, spellings


def model_name(name: str, reserved: str) -> str:
    """Return the name of a new model as it is kept; raise InputError for one that cannot be a folder's."""
    model = one_spelling(name)
    if not model or model == reserved or is_litter(model) or "/" in model:
        raise InputError(f"{model!r} is not a valid model name. Choose another --name.")
    return model


def refuse_taken(target: Path) -> None:
    """Raise OutputError if a folder is there, in any spelling of its name."""
    taken = [target.with_name(name) for name in spellings(target.name)]
    if any(path.exists() or path.is_symlink() for path in taken):
        raise OutputError(f"{target} already exists. Remove that model or choose another --name.")


def place(source: Path, target: Path, *, copy: bool) -> None:
    """Link to a package, or copy it without litter; raise StorageError if a file cannot be copied."""
    if not copy:
        # Path.resolve raises for a link to itself, which is told of when the model is read.
        target.symlink_to(os.path.realpath(source), target_is_directory=True)
        return
    try:
        shutil.copytree(source, target, ignore=lambda _, names: list(filter(is_litter, names)))
    except shutil.Error as error:  # of all files that could not be copied
        failed, _, why = error.args[0][0]
        raise StorageError(
            f"Cannot copy {failed} ({why}). Check its disk and permissions."
        ) from error
