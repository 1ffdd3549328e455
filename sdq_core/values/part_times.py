"""How long a part of a model takes on a compute unit of this machine."""

from __future__ import annotations

from dataclasses import dataclass

from sdq_core.values.part_units import Part
from sdq_core.values.variants import ComputeUnit


@dataclass(frozen=True, kw_only=True)
class PartTime:
    """What `sdq bench` measured of a part on a unit.

    usual: drawing uses this unit unless told otherwise.
    ms: the median; of one prompt for the text encoder, else of one image. None if it failed.
    psnr_db: how similar its pictures are to those with the usual units, at worst; infinite for equal pixels. The other
        parts that were measured on this unit have drawn them together.
    error: why it failed, else None.
    """

    part: Part
    unit: ComputeUnit
    usual: bool
    ms: float | None = None
    psnr_db: float | None = None
    error: str | None = None
