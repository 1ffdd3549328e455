"""The JSON files beside a model's parts. They come from strangers: however they are broken, it is a PackageError."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sdq_core.errors import PackageError
from sdq_core.models.network_files import is_file
from sdq_core.models.unreadable import reason

#: The largest is a vocabulary; CLIP's has a megabyte.
_MAX_BYTES = 1 << 26


def read_object(path: Path, remedy: str) -> dict[str, Any]:
    """Return the object that a file holds; raise PackageError. remedy: a sentence, what to do if it cannot be read."""
    try:
        return _read(path)
    except (OSError, ValueError, RecursionError) as error:
        raise PackageError(f"{path} cannot be read ({reason(error)}). {remedy}") from error


def _read(path: Path) -> dict[str, Any]:
    if path.exists() and not is_file(path):  # opening a pipe would never return
        raise ValueError("it is not a file")
    if path.stat().st_size > _MAX_BYTES:
        raise ValueError("it is too large")
    value = json.loads(path.read_text(encoding="utf-8-sig"))
    if not isinstance(value, dict):
        raise ValueError("it is not a JSON object")  # noqa: TRY004  (the file's fault)
    return value
