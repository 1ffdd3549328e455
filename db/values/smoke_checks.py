"""What became of a variant's pictures with an update."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from db.values.engines import EngineRecord
from sdq_core.values.quality import LEAST_PSNR_DB
from sdq_core.values.recipes import Recipe
from sdq_core.values.variants import Variant


@dataclass(frozen=True, kw_only=True)
class EarlierImage:
    """A finished image that other software drew.

    path, sha256: of its file.
    pixels_sha256: of its RGB pixels.
    engine: what drew it.
    """

    recipe: Recipe
    seed: int
    path: str
    sha256: str
    pixels_sha256: str
    engine: EngineRecord


@dataclass(frozen=True, kw_only=True)
class SmokeCheck:
    """An image of a variant that was drawn again after an update.

    path: the file of the earlier drawing; None if there was none to compare with, and nothing was drawn.
    changes: what had changed since, as `coremltools 9.0 -> 9.1`.
    psnr_db: of both drawings, infinite for equal pixels; None if the image was not drawn again.
    error: why it was not.
    """

    path: str | None = None
    changes: Sequence[str] = ()
    psnr_db: float | None = None
    error: str | None = None

    @property
    def is_alike(self) -> bool:
        """Whether nothing speaks against the variant's pictures since the update."""
        if self.path is None:
            return True
        return self.psnr_db is not None and self.psnr_db >= LEAST_PSNR_DB

    def finding(self) -> str:
        """Return what was found, as the end of a sentence about the variant."""
        update = f"the update ({', '.join(self.changes)})"
        if self.psnr_db is None:
            return f"did not draw {self.path} again after {update}: {self.error}"
        alike = "identical" if math.isinf(self.psnr_db) else f"{self.psnr_db:.1f} dB"
        if self.is_alike:
            return f"draws as before {update}: {alike}"
        return (
            f"draws another picture than before {update}: {alike} for {self.path}, "
            f"{LEAST_PSNR_DB:.0f} dB or more expected"
        )


@dataclass(frozen=True, kw_only=True)
class CheckedVariant:
    """A variant with its smoke check. checked_at: when the engine started that made it, UTC."""

    variant: Variant
    host: str
    checked_at: datetime
    check: SmokeCheck
