"""One decision about what draws a model's images, and how users read it."""

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
    """What draws a model's images where variant or compute unit was left open.

    model: its name.
    placement: what was chosen.
    because: why.
    instead: what a new batch would get by measurement, if that is something else.
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
        """Return a sentence or two for the user; None if there is nothing to tell."""
        what = f"{self.model} uses {self.placement.describe()}"
        if self.because is Because.MEASURED:
            return f"{what}, the fastest measured on this machine."
        if self.because is Because.MEASURED_ELSEWHERE:
            return f"{what}, the fastest on the machines that were measured; this one was not."
        if self.because is Because.BATCH and self.instead:
            return (
                f"{what}, like the rest of its batch. {self.instead.describe()} has since been measured as faster. "
                f"For new images, name another --batch, or use --variant {self.instead.attention_implementation} "
                f"--compute-unit {self.instead.compute_unit}."
            )
        return None
