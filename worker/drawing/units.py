"""What a worker knows of compute units: where a model's parts failed on this machine, and what to do about it.

A unit that never gave a good image here and fails is not used again until the next build of the system. One that did
gets a second chance, because a crash may have other causes, and is avoided by this worker alone after that: a stuck
Neural Engine works again after a restart. A broken picture from a unit that has given good ones is the prompt's fault.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from db.ledger import Ledger
from db.unit_trials import UnitTrial
from sdq_core.errors import (
    BrokenImageError,
    ConfigurationError,
    EngineDiedError,
    EngineHungError,
    SdqError,
    describe_error,
)
from sdq_core.values.machine import Machine, this_machine
from sdq_core.values.part_units import Part, PartUnits, UnitRules
from sdq_core.values.variants import ComputeUnit, Variant
from worker.claims.shift import Shift
from worker.engine.handle import Suspect

log = logging.getLogger(__name__)

#: A part of a variant on a unit: its revision, part and unit.
_Key = tuple[str, Part, ComputeUnit]


class Units:
    """One worker's rules for the units of parts."""

    def __init__(
        self,
        ledger: Ledger,
        shift: Shift,
        rules: UnitRules | None = None,
        *,
        machine: Machine | None = None,
    ) -> None:
        """Know what the ledger knows. rules: what the user chose."""
        self._ledger = ledger
        self._shift = shift
        self._rules = rules or UnitRules()
        self.machine = machine or this_machine()
        self._avoided: set[_Key] = set()  # by this worker only
        self._doubted: dict[_Key, str] = {}  # until another unit does better
        self._warned: set[_Key] = set()

    def rules(self, variant: Variant) -> UnitRules:
        """Return the rules for a variant's engine; reads the ledger."""
        failed: dict[Part, set[ComputeUnit]] = {}
        for trial in self._known(variant.revision):
            if trial.error is not None:
                failed.setdefault(trial.part, set()).add(trial.unit)
        for revision, part, unit in (*self._avoided, *self._doubted):
            if revision == variant.revision:
                failed.setdefault(part, set()).add(unit)
        return replace(
            self._rules, failed={part: frozenset(units) for part, units in failed.items()}
        )

    def explains(self, variant: Variant, suspect: Suspect | None, error: SdqError) -> bool:
        """Say whether a part's unit is to blame for an engine's failure; if so, the next engine avoids it.

        suspect: None if no part is; then, and where no other unit is left for the part, nothing changes.
        """
        if suspect is None:
            return False
        key = (variant.revision, *suspect)
        if self._has_worked(key):
            return self._explains_where_it_worked(variant, key, error)
        if not self._has_another(variant, suspect):
            self._acquit(key)
            return False
        self._say(variant, suspect, error)
        if isinstance(error, EngineDiedError | EngineHungError):
            self._note_failed(key, describe_error(error))
        else:
            # Another unit may do no better, and then it was not the unit.
            self._doubted[key] = describe_error(error)
        return True

    def note_worked(self, variant: Variant, units: PartUnits | None, parts: Iterable[Part]) -> None:
        """Note that an engine's first image is good. parts: those that it used."""
        if units is None:
            return
        worked = {(variant.revision, part, units.of(part)) for part in parts}
        self._warned -= worked
        known = {
            (trial.revision, trial.part, trial.unit)
            for trial in self._known(variant.revision)
            if trial.error is None
        }
        for key in [key for key in self._doubted if key[0] == variant.revision]:
            error = self._doubted.pop(key)
            if key not in known:  # another worker did better with it meanwhile
                self._note_failed(key, error)
        if new := [(part, unit) for _, part, unit in sorted(worked - known)]:
            self._shift.until_done(
                partial(self._ledger.unit_trials.note_worked, self.machine, variant.revision, new)
            )

    def _explains_where_it_worked(self, variant: Variant, key: _Key, error: SdqError) -> bool:
        suspect = Suspect(*key[1:])
        if isinstance(error, BrokenImageError):
            self._drop_doubts(key)
            return False
        if key not in self._warned:
            self._warned.add(key)
            # Encoding is the same for all images of a prompt, so no image is to blame for it.
            return suspect.part is Part.TEXT_ENCODER
        if not self._has_another(variant, suspect):
            self._acquit(key)
            return False
        self._avoided.add(key)
        self._say(variant, suspect, error)
        return True

    def _acquit(self, key: _Key) -> None:
        """Avoid no unit of a part on suspicion any more: none does better than another."""
        self._drop_doubts(key)
        self._avoided = {other for other in self._avoided if other[:2] != key[:2]}

    def _drop_doubts(self, key: _Key) -> None:
        self._doubted = {other: why for other, why in self._doubted.items() if other[:2] != key[:2]}

    def _has_worked(self, key: _Key) -> bool:
        return any(
            (trial.revision, trial.part, trial.unit) == key and trial.error is None
            for trial in self._known(key[0])
        )

    def _has_another(self, variant: Variant, suspect: Suspect) -> bool:
        """Whether the part has a unit left besides this one."""
        rules = self.rules(variant).without(*suspect)
        try:
            # Only the engine knows the VAE's precision; ALL, which a VAE in float32 leaves out, never comes last.
            rules.settle(
                variant.compute_unit,
                attention=variant.attention_implementation,
                vae_is_float32=True,
            )
        except ConfigurationError:
            return False
        return True

    def _known(self, revision: str) -> list[UnitTrial]:
        return self._shift.until_done(partial(self._ledger.unit_trials.of, self.machine, revision))

    def _note_failed(self, key: _Key, error: str) -> None:
        self._shift.until_done(
            partial(self._ledger.unit_trials.note_failed, self.machine, *key, error=error)
        )

    def _say(self, variant: Variant, suspect: Suspect, error: SdqError) -> None:
        log.warning(
            "The %s of %s failed on %s: %s It is tried on another compute unit.",
            suspect.part.spoken,
            variant.model,
            suspect.unit,
            describe_error(error),
        )
