"""sdq draws large numbers of Stable Diffusion images unattended. In Python, `Queue` is the way in: docs/python.md.

The command line is in `sdq.cli`. Nothing is imported before it is asked for.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sdq.queue import Batch, Failure, Image, Queue, Status, Submission
    from sdq_core.errors import SdqError

__all__ = ["Batch", "Failure", "Image", "Queue", "SdqError", "Status", "Submission"]

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


if not TYPE_CHECKING:  # a type checker would take every name for one of ours

    def __getattr__(name: str) -> object:
        """Import what Python's users need when they ask for it: the command line never does."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        refuse_strangers()
        from sdq import queue
        from sdq_core.errors import SdqError

        found = SdqError if name == "SdqError" else getattr(queue, name)
        globals()[name] = found
        return found

    def __dir__() -> list[str]:
        """Name what there is, for whoever completes names."""
        return sorted({*globals(), *__all__})
