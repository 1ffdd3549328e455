"""`python -m tests.acceptance.die_at WHEN MODULE:FUNCTION NTH sdq-arguments...`: the program, killed exactly there.

WHEN is ``before`` or ``after`` the NTH call of the function. The kill is SIGKILL: nothing is tidied up.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from functools import reduce
from typing import Any


def die_at(when: str, place: str, nth: int) -> None:
    """Let this process be killed at the nth call of a function."""
    module, _, path = place.partition(":")
    *owners, name = path.split(".")
    owner = reduce(getattr, owners, importlib.import_module(module))
    function = getattr(owner, name)
    calls = 0

    def deadly(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == nth and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = function(*args, **kwargs)
        if calls == nth and when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, deadly)


if __name__ == "__main__":
    die_at(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    del sys.argv[1:4]
    from sdq.cli import main

    main()
