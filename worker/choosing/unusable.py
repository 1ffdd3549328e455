"""What cannot be drawn here: why, and until when it is not worth another look."""

from __future__ import annotations

import logging
import time

from sdq_core.errors import ConfigurationError, InputMissingError, SdqError
from sdq_core.values.variants import RecipeVariant, Variant

log = logging.getLogger(__name__)

#: When a variant whose trouble may heal is looked at again; one whose model is broken never is.
LOOK_AGAIN_AFTER_S = 60.0


class VariantPausedError(ConfigurationError):
    """Somebody, or ten failures in a row, paused the variant that would draw."""

    def __init__(self, variant: Variant, reason: str) -> None:
        super().__init__(
            f"{variant} is paused: {reason}. Once that is fixed, run `sdq resume --variant-key {variant.key}`."
        )


class NotOfThisLaneError(InputMissingError):
    """The model has no packages for the worker's lane: nobody's fault, and others' work."""


class VariantUnusable(Exception):  # noqa: N818 - a turn of events, not an error of its own
    """This machine cannot draw what a recipe names as its variant now; the cause says why."""

    def __init__(self, variant: RecipeVariant, cause: SdqError) -> None:
        super().__init__(str(cause))
        self.variant = variant
        self.cause = cause

    @property
    def heals(self) -> bool:
        """Whether it may be drawn later: an engine that died at every load, a variant that is resumed or pulled."""
        return self.cause.retryable or isinstance(
            self.cause, VariantPausedError | InputMissingError
        )


class Unusable:
    """The variants, and `any` of a model, that one worker cannot draw for the moment or at all."""

    def __init__(self) -> None:
        self._until: dict[str, tuple[SdqError, float]] = {}  # by variant key
        self._told: dict[str, str] = {}

    def note(self, unusable: VariantUnusable) -> None:
        """Remember a variant's trouble, and log it unless it was logged already."""
        key = unusable.variant.key
        if self._told.get(key) != str(unusable.cause):
            self._told[key] = str(unusable.cause)
            log.error("%s is unusable here: %s", unusable.variant, unusable.cause)
        until = time.monotonic() + LOOK_AGAIN_AFTER_S if unusable.heals else float("inf")
        self._until[key] = (unusable.cause, until)

    def causes(self) -> dict[str, SdqError]:
        """Return all variant keys that are not to be tried now, each with the reason."""
        return {key: cause for key in self._until if (cause := self.cause(key))}

    def cause(self, key: str) -> SdqError | None:
        """Return why a variant key is not to be tried now; None when it may be."""
        cause, until = self._until.get(key, (None, 0.0))
        return cause if time.monotonic() < until else None
