"""Builds of the system: on each, parts of the model fail on some compute units, from the first use to the next update.

An update ends everything, as one of macOS does, and the dice fall anew. What must hold: what failed is the unit's fault
and no image's; the ledger learns it, and no engine that starts then tries it again; the next build does; and the row of
each image names units that its build does not let fail.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.ledger_view import LedgerView
from tests.units.double import Double

#: Part -> the units that workers try for it, in this order; the variant is `original` on ALL.
TRIED: Mapping[str, tuple[str, ...]] = {
    "text_encoder": ("CPU_ONLY", "CPU_AND_NE", "CPU_AND_GPU"),
    "unet": ("ALL", "CPU_AND_GPU"),
    "vae_decoder": ("ALL", "CPU_AND_NE", "CPU_AND_GPU", "CPU_ONLY"),
    "safety_checker": ("CPU_ONLY", "CPU_AND_NE", "CPU_AND_GPU"),
}
_ENDS = ("load SIGABRT", "load SIGSEGV", "run SIGABRT", "run SIGSEGV", "run hang")
_HOWS: Mapping[str, tuple[str, ...]] = {
    "text_encoder": (*_ENDS, "run nan"),
    "unet": (*_ENDS, "load refuse", "run nan"),
    "vae_decoder": (*_ENDS, "load refuse", "run nan", "run black"),
    "safety_checker": _ENDS,
}

#: How often a unit fails that need not work, so that something is left.
_FAILS = 0.8

#: An engine that was told its units a moment before a failure was noted may still try them.
_STARTS_S = 15.0

#: What images must not be blamed for. Kills from outside end an engine by SIGKILL.
_OF_UNITS = ("SIGABRT", "SIGSEGV", "sent nothing", "NaN", "one colour", "Core ML cannot load")
_A_HANG = "sent nothing"

_TRIALS = "SELECT os, part, compute_unit, error FROM unit_trials"
_ERRORS = "SELECT DISTINCT error FROM images WHERE error IS NOT NULL"
_UNITS = """
SELECT e.os, e.part_units, count(*) FROM images i JOIN engines e ON e.id = i.engine_id
WHERE i.status = 'done' GROUP BY e.os, e.part_units
"""


@dataclass(frozen=True, kw_only=True)
class Build:
    """failures: ``part unit`` -> how it fails."""

    name: str
    failures: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What the ledger was first seen to know of a pair. at: s of the monotonic clock; error: None if it worked."""

    at: float
    build: str
    pair: str
    error: str | None


@dataclass(kw_only=True)
class Learnt:
    """What has come of the builds. hangs: pairs that a busy machine let look as if they hung."""

    builds: int
    planned: int
    failed: int
    hangs: int
    violations: list[str] = field(default_factory=list)

    def describe(self) -> str:
        """Write it in a sentence."""
        return (
            f"{self.builds} builds of the system with {self.planned} parts that fail on a unit; "
            f"{self.failed} of them were met and remembered, {self.hangs} others taken for hung."
        )


class Builds:
    """The system's builds, and what workers learn of them; `look` has to be called often."""

    def __init__(self, folder: Path, dice: random.Random) -> None:
        self.double = Double(folder)
        self.all: list[Build] = []
        self.trials: dict[tuple[str, str], Trial] = {}
        self.blamed: set[str] = set()
        self._dice = dice
        self.update()

    def update(self) -> None:
        """Let the next build come; everything that runs must have ended."""
        failures: dict[str, str] = {}
        for part, units in TRIED.items():
            good = self._dice.choice(units)
            for unit in units:
                if unit != good and self._dice.random() < _FAILS:
                    failures[f"{part} {unit}"] = self._dice.choice(_HOWS[part])
        build = Build(name=f"build-{len(self.all) + 1}", failures=failures)
        self.all.append(build)
        self.double.plan(failures, build=build.name)

    def look(self, ledger: LedgerView, moment: float) -> None:
        """Note what the ledger has learnt, and what it blames images for."""
        for system, part, unit, error in ledger.seen(_TRIALS) or ():
            name, pair = _name(system), f"{part} {unit}"
            trial = Trial(at=moment, build=name, pair=pair, error=error)
            known = self.trials.setdefault((name, pair), trial)
            if (known.error is None) != (error is None):
                self.trials[name, pair] = trial
        self.blamed |= {error for (error,) in ledger.seen(_ERRORS) or ()}

    def learnt(self, ledger: LedgerView) -> Learnt:
        """Compare what was learnt with what was planned."""
        failed = [trial for trial in self.trials.values() if trial.error is not None]
        planned = {(build.name, pair) for build in self.all for pair in build.failures}
        met = [trial for trial in failed if (trial.build, trial.pair) in planned]
        others = [trial for trial in failed if trial not in met]
        found = Learnt(
            builds=len(self.all), planned=len(planned), failed=len(met),
            hangs=sum(_A_HANG in (trial.error or "") for trial in others),
        )  # fmt: skip
        complain = found.violations.append
        for trial in others:
            if _A_HANG not in (trial.error or ""):
                complain(f"{trial.pair} of {trial.build} was blamed though it works: {trial.error}")
        for trial in self.trials.values():
            if trial.error is None and (trial.build, trial.pair) in planned:
                complain(f"{trial.pair} of {trial.build} counts as working and fails")
        for error in sorted(self.blamed):
            if any(word in error for word in _OF_UNITS):
                complain(f"an image was blamed for a unit: {error}")
        self._look_at_loads(failed, complain)
        self._look_at_rows(ledger, planned, complain)
        return found

    def _look_at_loads(self, failed: Sequence[Trial], complain: Callable[[str], None]) -> None:
        loads = self.double.loads()
        for trial in failed:
            late = [
                load.at - trial.at
                for load in loads
                if (load.build, load.pair) == (trial.build, trial.pair)
                and load.at > trial.at + _STARTS_S
            ]
            if late:
                complain(
                    f"{trial.pair} of {trial.build} was tried {len(late)} times after it had failed, "
                    f"{late[0]:.0f} s later"
                )
        tried = {(load.build, load.pair) for load in loads}
        for build, pair in tried:
            part = pair.partition(" ")[0]
            if (build, f"{part} {TRIED[part][0]}") not in tried:
                complain(f"{pair} was tried with {build}, and {TRIED[part][0]} was not")

    def _look_at_rows(
        self, ledger: LedgerView, planned: set[tuple[str, str]], complain: Callable[[str], None]
    ) -> None:
        for system, units, count in ledger.rows(_UNITS):
            used = json.loads(units) if isinstance(units, str) else units
            wrong = [
                f"{part} {unit}"
                for part, unit in used.items()
                if (_name(system), f"{part} {unit}") in planned
            ]
            if wrong or not used.keys() >= TRIED.keys():
                complain(
                    f"{count} images of {system} say that they were drawn with {wrong or used}"
                )


def _name(system: str) -> str:
    """Return the build of an operating system as rows name it."""
    return system.rpartition(" ")[2]
