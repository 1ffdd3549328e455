"""The messages between worker and engine. The pipe is private to the two, so pickles are safe on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sdq_core.errors import SdqError
from sdq_core.models import VariantFolder
from sdq_core.models.controlnet import ControlNets
from sdq_core.values.part_units import Part, PartUnits, UnitRules
from sdq_core.values.runtimes import RuntimeChoice
from sdq_core.values.safety import Safety
from sdq_core.values.variants import ComputeUnit
from worker.pipelines.choice import PipelineChoice
from worker.pipelines.contract import DrawnImage, ImageRequest


@dataclass(frozen=True, kw_only=True)
class Launch:
    """Worker to engine, once: what to load.

    compute_unit: the recipe's, which is the U-Net's.
    threads: threads of the runtime, None for its own choice.
    runtime: which one loads it.
    rules: what decides on the units of the parts besides.
    inputs: the folder of the pictures that images are drawn from; None for nowhere.
    controlnets: those that images may be drawn with.
    with_previews: send a preview with steps.
    room: how much the parts may take together, bytes, so that they take turns in memory; None if all stay.
    """

    folder: VariantFolder
    compute_unit: ComputeUnit
    cache: Path
    threads: int | None
    runtime: RuntimeChoice = RuntimeChoice.AUTO
    pipeline: PipelineChoice = PipelineChoice.AUTO
    safety: Safety = Safety.FLAG
    rules: UnitRules = field(default_factory=UnitRules)
    inputs: Path | None = None
    controlnets: ControlNets | None = None
    with_previews: bool = False
    room: int | None = None


@dataclass(frozen=True, kw_only=True)
class Draw:
    """Worker to engine: draw this next.

    number: identifies the request in the answers.
    alone: at once with no other one, because an attempt at it came to nothing.
    """

    number: int
    request: ImageRequest
    alone: bool = False


@dataclass(frozen=True, kw_only=True)
class Withdraw:
    """Worker to engine: drop every request that has not begun."""


@dataclass(frozen=True, kw_only=True)
class Drop:
    """Worker to engine: do not go on with this image, even if it has begun."""

    number: int


@dataclass(frozen=True, kw_only=True)
class Loading:
    """Engine to worker: sent before loading each network.

    package: the name of its file.
    part, unit: what it is, and where it is to run; unit is None where the runtime has only one processor.
    """

    package: str
    part: Part
    unit: ComputeUnit | None


@dataclass(frozen=True, kw_only=True)
class Running:
    """Engine to worker: sent before a part runs, if that is the first time or dangerous every time.

    Not sent where the runtime has only one processor.
    """

    part: Part


@dataclass(frozen=True, kw_only=True)
class Ready:
    """Engine to worker: the pipeline is in memory.

    pipeline: its name.
    runtime: the name of the runtime.
    precision: of the U-Net's weights.
    versions: library -> version.
    load_ms: time to load all parts, ms.
    units: what each part runs on; None where the runtime has only one processor.
    """

    pipeline: str
    runtime: str
    precision: str
    versions: Mapping[str, str]
    load_ms: float
    units: PartUnits | None = None


@dataclass(frozen=True, kw_only=True)
class LoadFailed:
    """Engine to worker: the variant cannot be loaded; the engine ends."""

    error: SdqError


@dataclass(frozen=True, kw_only=True)
class Began:
    """Engine to worker: sent before the first step of an image."""

    number: int


@dataclass(frozen=True, kw_only=True)
class Stepped:
    """Engine to worker: sent after a U-Net evaluation, a few times a second at most.

    preview: what the image would be by now, uint8 [h, w, 3], a pixel for each latent; None without previews.
    """

    number: int
    done: int
    total: int
    preview: NDArray[np.uint8] | None = None


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """Engine to worker: an image. peak_bytes: the engine's peak resident memory so far."""

    number: int
    image: DrawnImage
    peak_bytes: int


@dataclass(frozen=True, kw_only=True)
class Failed:
    """Engine to worker: this image failed; the engine is still running."""

    number: int
    error: SdqError


@dataclass(frozen=True, kw_only=True)
class Withdrawn:
    """Engine to worker: these requests were dropped before they began."""

    numbers: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Dropped:
    """Engine to worker: this image was dropped."""

    number: int


Event = (
    Loading | Running | Ready | LoadFailed | Began | Stepped | Drawn | Failed | Withdrawn | Dropped
)
Order = Draw | Withdraw | Drop
