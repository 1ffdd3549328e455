"""Why a worker cannot draw a variant, and whether it is worth looking again."""

from __future__ import annotations

from sdq_core.errors import ConfigurationError, InputMissingError, SdqError
from sdq_core.values.variants import RecipeVariant, Variant

#: When a variant whose trouble may heal is looked at again; one whose model is broken never is.
LOOK_AGAIN_AFTER_S = 60.0


class VariantPausedError(ConfigurationError):
    """Somebody, or ten failures in a row, paused the variant that would draw."""

    def __init__(self, variant: Variant, reason: str) -> None:
        super().__init__(
            f"{variant} is paused: {reason}. When that is mended: sdq resume --variant-key {variant.key}"
        )


class NotOfThisLaneError(InputMissingError):
    """The model has no packages for the worker's lane: nobody's fault, and others' work."""


class VariantUnusable(Exception):  # noqa: N818 - a turn of events, not an error of its own
    """This machine cannot draw what a recipe says of its variant now; the cause says why."""

    def __init__(self, variant: RecipeVariant, cause: SdqError) -> None:
        super().__init__(str(cause))
        self.variant = variant
        self.cause = cause

    @property
    def heals(self) -> bool:
        """Whether it may be drawn later: an engine that died at every load, a variant that is resumed or pulled.

        A variant by its own name that is paused is not even queued, and needs no second look.
        """
        if isinstance(self.cause, VariantPausedError):
            return not isinstance(self.variant, Variant)
        return self.cause.retryable or isinstance(self.cause, NotOfThisLaneError)
