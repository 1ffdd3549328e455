"""The program, killed exactly at a call of one of its functions: SIGKILL, after which nothing is tidied up.

Forked from a process that has imported what every case needs: by itself a worker's start costs more than the rest.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import sys
from functools import reduce
from typing import Any

from tests.acceptance.program import Program

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["worker.service", "sdq.cli.worker", "sdq.submitting.outlook"])


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


def die(program: Program, when: str, place: str, nth: int, *arguments: str) -> None:
    """Run `sdq` until it is killed `before` or `after` the nth call of a function like `db.work:Work.load_slice`."""
    said = program.home.with_name("said-by-the-dead.txt")
    process = _FORKS.Process(
        target=_run, args=(when, place, nth, arguments, program.environment, str(said))
    )
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL, (process.exitcode, said.read_text())


def _run(
    when: str, place: str, nth: int, arguments: list[str], environment: dict[str, str], said: str
) -> None:
    with open(said, "w") as output:  # noqa: PTH123 - pathlib is no part of what is tried
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    os.environ.clear()
    os.environ.update(environment)
    die_at(when, place, nth)
    sys.argv = ["sdq", *arguments]
    from sdq.cli import main

    main()
