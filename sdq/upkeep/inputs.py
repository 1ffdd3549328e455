"""The pictures that recipes need: whether they are here, and which nobody needs any more."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from sdq_core.inputs.store import InputStore


def missing_inputs(store: InputStore, needed: Iterable[str]) -> list[str]:
    """Return the sha256 of those that are not here."""
    return sorted(sha256 for sha256 in needed if store.find(sha256) is None)


def changed_inputs(store: InputStore, needed: Iterable[str]) -> Iterator[Path]:
    """Yield those that are not what was submitted, by their names; reads all of them."""
    for sha256 in sorted(needed):
        path = store.find(sha256)
        if path is not None and _sha256(path) != sha256:
            yield path


def _sha256(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:  # unreadable is as good as changed
        return None
