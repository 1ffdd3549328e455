"""A runtime whose compute units differ and on which chosen parts fail, in the place of Core ML's native call.

`Double` writes a ``sitecustomize.py`` that every process with its `environment` reads. What computes is the portable
runtime; on the planned unit, a part ends the process, hangs, refuses, or gives NaN, one colour or another picture.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

#: A hang in s: longer than the deadlines of those who wait for it, and soon over where nobody is left to end it.
HANGS_S = 20

_CUSTOMIZE = (
    f"""
import json, sys
from pathlib import Path

HERE, HANGS_S = Path(__file__).parent, {HANGS_S}

def the_plan():
    return json.loads((HERE / "plan.json").read_text())

if build := the_plan()["build"]:
    import platform

    platform.release = lambda: build  # of which `operating_system` is made
"""
    + """
if "worker.engine.main" in sys.orig_argv:
    import os, signal, time

    import numpy as np
    from sdq_core.errors import PackageError
    from sdq_core.values.variants import ComputeUnit
    from worker.runtimes.onnx.runtime import OnnxRuntime

    load = OnnxRuntime.load

    def fail(what):
        if what.startswith("SIG"):
            os.kill(os.getpid(), signal.Signals[what])
        if what == "hang":
            time.sleep(HANGS_S)
        if what == "memory":
            raise MemoryError

    class Failing:
        def __init__(self, model, what):
            self.expected_inputs = model.expected_inputs
            self.model, self.what = model, what

        def __call__(self, **inputs):
            (HERE / "has_run").touch()
            fail(self.what)
            found = self.model(**inputs)
            if self.what == "nan":
                return {name: array * np.nan for name, array in found.items()}
            if self.what == "black":
                return {name: array * 0 - 1 for name, array in found.items()}
            if self.what == "negative":
                return {name: -array for name, array in found.items()}
            return found

    def planned(self, package, compute_unit):
        part = package.stem.split("_sdq_demo_")[-1]
        plan = the_plan()
        with (HERE / "loaded.txt").open("a") as log:
            log.write(json.dumps([time.monotonic(), plan["build"], f"{part} {compute_unit}"]) + "\\n")
        when, _, what = plan["failures"].get(f"{part} {compute_unit}", "never").partition(" ")
        if when == "load":
            fail(what)
            raise PackageError(f"Core ML cannot load {part} on {compute_unit}.")
        model = load(self, package, compute_unit)
        return Failing(model, what) if when == "run" else model

    OnnxRuntime.load = planned
    OnnxRuntime.distinct_units = tuple(ComputeUnit)
"""
)


class Load(NamedTuple):
    """One load. at: s of the monotonic clock; build: the system's, None for its own; pair: ``part unit``."""

    at: float
    build: str | None
    pair: str


class Double:
    """The folder of the double: what fails, and what was loaded. environment: of the processes that are to read it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.environment = {"PYTHONPATH": str(folder)}
        folder.mkdir()
        self.plan({})
        (folder / "sitecustomize.py").write_text(_CUSTOMIZE)

    def plan(self, failures: Mapping[str, str], *, build: str | None = None) -> None:
        """Plan: ``part unit`` -> ``load`` or ``run`` and SIGABRT, SIGSEGV, hang, memory, refuse, nan, black or
        negative.

        build: the build of the system that processes find from now on, None for its own.
        """
        new = self._folder / "plan.new"
        new.write_text(json.dumps({"build": build, "failures": dict(failures)}))
        new.replace(self._folder / "plan.json")

    def loads(self) -> list[Load]:
        """List everything that was loaded."""
        log = self._folder / "loaded.txt"
        lines = log.read_text().splitlines() if log.exists() else []
        return [Load(*json.loads(line)) for line in lines]

    def has_run(self) -> bool:
        """Whether a part ran of which that was planned."""
        return (self._folder / "has_run").exists()

    def loaded(self) -> list[str]:
        """List ``part unit`` of everything that was loaded since the last call."""
        found = [load.pair for load in self.loads()]
        (self._folder / "loaded.txt").unlink(missing_ok=True)
        return found


def install(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Double:
    """Let engines that are started from now on read the double."""
    double = Double(folder)
    for name, value in double.environment.items():
        monkeypatch.setenv(name, value)
    return double
