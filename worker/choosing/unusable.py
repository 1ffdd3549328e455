"""What cannot be drawn here: why, and when to try again."""

from __future__ import annotations

import logging
import time

from sdq_core.errors import (
    ConfigurationError,
    DrawError,
    InputMissingError,
    PackageError,
    SdqError,
    StorageError,
)
from sdq_core.values.variants import RecipeVariant, Variant

log = logging.getLogger(__name__)

#: How long to wait before trying again a variant whose problem may go away; a broken model may be mended.
LOOK_AGAIN_AFTER_S = 60.0

#: The most that this wait grows to for an engine that dies or hangs at every load: a batch may be more urgent than what
#: this worker can draw, and each try ends the engine that is in memory and then loads that again.
LOOK_AGAIN_AT_LAST_S = 960.0

#: The same for a model that was here and whose files are gone: its drive may be back at any time.
LOOK_FOR_ABSENT_AFTER_S = 5.0


class VariantPausedError(ConfigurationError):
    """The variant is paused, by hand or after ten failures in a row."""

    def __init__(self, variant: Variant, reason: str) -> None:
        super().__init__(
            f"{variant} is paused. Fix the cause, then run `sdq resume --variant-key {variant.key}`. Reason: {reason}"
        )


class NotOfThisLaneError(InputMissingError):
    """The model has no packages for the worker's lane; other workers can draw it."""


class ModelAbsentError(StorageError):
    """The files of a model that this worker has found before are gone; it is waited for, not given up."""


class VariantUnusable(Exception):  # noqa: N818 - a turn of events, not an error of its own
    """This machine cannot draw a recipe's variant now; `cause` says why."""

    def __init__(self, variant: RecipeVariant, cause: SdqError) -> None:
        super().__init__(str(cause))
        self.variant = variant
        self.cause = cause

    @property
    def heals(self) -> bool:
        """Whether it may become usable: after an engine that died at every load, a resume, a pull or a repair."""
        return self.cause.retryable or isinstance(
            self.cause, VariantPausedError | InputMissingError | PackageError
        )


class Unusable:
    """The variants, and models' `any`, that one worker cannot draw, for now or for good."""

    def __init__(self) -> None:
        self._until: dict[str, tuple[SdqError, float]] = {}  # by variant key
        self._waits: dict[str, float] = {}  # after loads that failed, by variant key
        self._told: dict[str, str] = {}

    def note(self, unusable: VariantUnusable) -> None:
        """Remember a variant's problem, and log it unless it was logged already."""
        key = unusable.variant.key
        absent = isinstance(unusable.cause, ModelAbsentError)
        if self._told.get(key) != str(unusable.cause):
            self._told[key] = str(unusable.cause)
            if absent:
                log.warning("%s Waiting for it.", unusable.cause)
            else:
                log.error("%s is unusable here. %s", unusable.variant, unusable.cause)
        again_s = LOOK_FOR_ABSENT_AFTER_S if absent else LOOK_AGAIN_AFTER_S
        if isinstance(unusable.cause, DrawError):
            again_s = self._waits[key] = self._longer_wait(key)
        until = time.monotonic() + again_s if unusable.heals else float("inf")
        self._until[key] = (unusable.cause, until)

    def _longer_wait(self, key: str) -> float:
        """Return twice the previous wait if it ended not long ago."""
        previous = self._waits.get(key, 0.0)
        _, ended = self._until.get(key, (None, float("-inf")))
        if time.monotonic() > ended + previous:
            return LOOK_AGAIN_AFTER_S
        return min(max(2 * previous, LOOK_AGAIN_AFTER_S), LOOK_AGAIN_AT_LAST_S)

    def note_return(self, key: str) -> None:
        """Note that a model is there: if it was absent, it is told of when it is absent the next time."""
        cause, _ = self._until.get(key, (None, 0.0))
        if isinstance(cause, ModelAbsentError):
            del self._until[key], self._told[key]

    def causes(self) -> dict[str, SdqError]:
        """Return all variant keys that are not to be tried now, each with the reason."""
        return {key: cause for key in self._until if (cause := self.cause(key))}

    def cause(self, key: str) -> SdqError | None:
        """Return why not to try a variant key now; None if it may be tried."""
        cause, until = self._until.get(key, (None, 0.0))
        return cause if time.monotonic() < until else None
