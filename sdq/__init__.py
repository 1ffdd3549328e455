"""The command line, and what it shows."""

from __future__ import annotations

import importlib.util
from pathlib import Path

#: Installed beside `sdq`, under names that other programs also use; `sdq_core` is ours alone.
SIBLINGS = ("db", "producer", "worker")


def refuse_strangers() -> None:
    """Raise ConfigurationError if Python finds someone else's package or module in place of one of SIBLINGS.

    Only looks, and imports none of them. A folder without `__init__.py` hides nothing: Python prefers a real package.
    """
    ours = Path(__file__).parents[1].resolve()
    for name in SIBLINGS:
        spec = importlib.util.find_spec(name)
        if spec is None:
            continue  # not installed at all: the import says so
        folder = next(iter(spec.submodule_search_locations or ()), None)
        if folder is not None and Path(folder).parent.resolve() == ours:
            continue

        from sdq_core.errors import ConfigurationError

        raise ConfigurationError(
            f"sdq cannot start: Python finds another {name!r} before sdq's own, {spec.origin or folder}. Remove its "
            "folder from PYTHONPATH, run `sdq` instead of `python -m sdq`, or install sdq in an environment of its own."
        )
