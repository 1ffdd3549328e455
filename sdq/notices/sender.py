"""How a worker starts the process that sends a notice."""

from __future__ import annotations

import os
import sys

from sdq_core.settings import VARIABLES, Settings
from worker.messenger import Sender


def sender(settings: Settings) -> Sender:
    """Return the program and its environment, in which are the places that this process was given."""
    places = {
        "home": str(settings.home),
        "redis_url": settings.redis_url,
        "database_url": settings.database_url,
        "outputs": str(settings.outputs),
    }
    return Sender(
        # -P: or an `sdq` in the current folder would be imported before ours.
        command=[sys.executable, "-P", "-m", "sdq.notices"],
        environment={
            **os.environ,
            **{VARIABLES[name][0]: place for name, place in places.items() if place is not None},
        },
    )
