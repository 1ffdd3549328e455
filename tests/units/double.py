"""A runtime whose compute units differ and on which chosen parts fail, in the place of Core ML's native call.

`install` writes a ``sitecustomize.py`` that every engine reads. What computes is the portable runtime; on the planned
unit, a part ends the process, hangs, refuses, or gives NaN, one colour or another picture.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

_CUSTOMIZE = """
import sys

if "worker.engine.main" in sys.orig_argv:
    import json, os, signal, time
    from pathlib import Path

    import numpy as np
    from sdq_core.errors import PackageError
    from sdq_core.values.variants import ComputeUnit
    from worker.runtimes.onnx.runtime import OnnxRuntime

    HERE = Path(__file__).parent
    load = OnnxRuntime.load

    def fail(what):
        if what.startswith("SIG"):
            os.kill(os.getpid(), signal.Signals[what])
        if what == "hang":
            time.sleep(60)
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
        with (HERE / "loaded.txt").open("a") as log:
            log.write(f"{part} {compute_unit}\\n")
        plan = json.loads((HERE / "plan.json").read_text())
        when, _, what = plan.get(f"{part} {compute_unit}", "never").partition(" ")
        if when == "load":
            fail(what)
            raise PackageError(f"Core ML cannot load {part} on {compute_unit}.")
        model = load(self, package, compute_unit)
        return Failing(model, what) if when == "run" else model

    OnnxRuntime.load = planned
    OnnxRuntime.distinct_units = tuple(ComputeUnit)
"""


class Double:
    """The folder of the double: what fails, and what was loaded."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(_CUSTOMIZE)
        self.plan({})

    def plan(self, failures: Mapping[str, str]) -> None:
        """Plan: ``part unit`` -> ``load`` or ``run`` and a signal, hang, memory, refuse, nan, black or negative."""
        (self._folder / "plan.json").write_text(json.dumps(failures))

    def has_run(self) -> bool:
        """Whether a part ran of which that was planned."""
        return (self._folder / "has_run").exists()

    def loaded(self) -> list[str]:
        """List ``part unit`` of everything that was loaded since the last call."""
        log = self._folder / "loaded.txt"
        found = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return found


def install(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Double:
    """Let engines that are started from now on read the double."""
    double = Double(folder)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return double
