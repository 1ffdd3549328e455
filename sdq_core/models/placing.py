"""The name and the place of a new model in the models folder."""

from __future__ import annotations

from pathlib import Path

from sdq_core.errors import InputError, OutputError
from sdq_core.models.bundled import RESERVED
from sdq_core.models.litter import is_litter
from sdq_core.values.names import one_spelling, spellings


def model_name(name: str) -> str:
    """Return the name of a new model as it is kept.

    Raise InputError for one that cannot be a folder's, or is that of something that comes with sdq.
    """
    model = one_spelling(name)
    if not model or model in RESERVED or is_litter(model) or "/" in model:
        raise InputError(f"{model!r} is not a valid model name. Choose another --name.")
    return model


def refuse_taken(target: Path) -> None:
    """Raise OutputError if a folder is there, in any spelling of its name."""
    taken = [target.with_name(name) for name in spellings(target.name)]
    if any(path.exists() or path.is_symlink() for path in taken):
        raise OutputError(f"{target} already exists. Remove that model or choose another --name.")
