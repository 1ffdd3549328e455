"""What drew an image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sdq_core.values.variants import RecipeVariant, Variant

#: The key in an engine's `versions` for what the worker does with flagged images.
SAFETY_KEY = "safety"


@dataclass(frozen=True, kw_only=True)
class EngineRecord:
    """What drew images and where: one row per started engine and pipeline, which its images reference.

    variant: what it drew with.
    worker, host, pid: the worker's name, the machine's name and the engine's process id.
    pipeline, runtime, compute_unit, precision: how it computed.
    versions: library -> version, and under `safety` its worker's mode.
    os, chip: the operating system and processor.
    load_ms: time to load the pipeline, ms.
    part_units: part -> compute unit, where the runtime has several.
    """

    variant: Variant
    worker: str
    host: str
    pid: int
    pipeline: str
    runtime: str
    compute_unit: str
    precision: str
    versions: Mapping[str, str]
    os: str
    chip: str
    load_ms: float
    part_units: Mapping[str, str] = field(default_factory=dict)

    @property
    def start(self) -> tuple[str, int, float]:
        """What the rows of one started engine have in common, and no others."""
        return self.worker, self.pid, self.load_ms

    @property
    def software(self) -> Mapping[str, str]:
        """What an update may change, and with it the pixels: the system's build, the runtime and all versions."""
        return software(self.os, self.runtime, self.versions)


def software(os: str, runtime: str, versions: Mapping[str, str]) -> Mapping[str, str]:
    """Return what an update may change of an engine, name -> version; see `EngineRecord.software`."""
    libraries = {name: version for name, version in versions.items() if name != SAFETY_KEY}
    return {"system": os, "runtime": runtime, **libraries}


@dataclass(frozen=True, kw_only=True)
class PausedVariant:
    """A variant that is not drawn until it is resumed."""

    variant: RecipeVariant
    reason: str
    since: datetime
