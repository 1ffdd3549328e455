"""Work of Python and NumPy that no process of sdq needs: a third of what an idle worker's start and end took."""

from __future__ import annotations

import atexit
import gc
import os


def settle_process() -> None:
    """Spare this process, and those that it starts, that work."""
    # At its end, Python searches all that was ever imported for garbage. The kernel takes it back anyway.
    atexit.register(gc.freeze)
    # NumPy starts a thread for each core, for products of large matrices. Those are a runtime's work here.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
