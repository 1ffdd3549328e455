"""One decision about what draws a model's images, and how users are told of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sdq_core.values.variants import Placement


class Because(StrEnum):
    """Why something was chosen."""

    BATCH = "batch"
    MEASURED = "measured"
    MEASURED_ELSEWHERE = "measured_elsewhere"
    UNMEASURED = "unmeasured"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What a model is drawn with where variant or compute unit was left open.

    instead: what a measurement gives for a new batch, where that is something else.
    """

    model: str
    placement: Placement
    because: Because
    instead: Placement | None = None

    @property
    def is_measured(self) -> bool:
        """Whether a measurement decided."""
        return self.because in {Because.MEASURED, Because.MEASURED_ELSEWHERE}

    def to_dict(self) -> dict[str, str]:
        """Return it for JSON."""
        return {"model": self.model, **self.placement.to_dict(), "because": str(self.because)}

    def describe(self) -> str | None:
        """Say it in a sentence or two; None where it goes without saying."""
        what = f"{self.model} is drawn with {self.placement.describe()}"
        if self.because is Because.MEASURED:
            return f"{what}, the fastest that was measured here."
        if self.because is Because.MEASURED_ELSEWHERE:
            return f"{what}, the fastest for the machines that were measured; this one was not."
        if self.because is Because.BATCH and self.instead:
            return (
                f"{what}, as its batch was begun. {self.instead.describe()} was measured as faster since: "
                f"for new images name another --batch, or say --variant {self.instead.attention_implementation} "
                f"--compute-unit {self.instead.compute_unit}."
            )
        return None
