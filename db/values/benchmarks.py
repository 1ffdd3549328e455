"""What `sdq bench` measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sdq_core.values.machine import Machine
from sdq_core.values.recipes import DEFAULT_NUM_INFERENCE_STEPS
from sdq_core.values.variants import Variant


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """What `sdq bench` measured of one variant on one machine.

    machine, measured_at: where and when (UTC).
    variant: what was measured.
    unet: `whole` or `chunks`.
    drawn_with: whether drawing uses these parts and this runtime; it does not use chunks if there is a whole U-Net.
    num_inference_steps, images: steps per image, and number of images.
    precision: of the U-Net's weights.
    pipeline, runtime, versions: what computed.
    first_load_ms: load time with nothing compiled or translated.
    warm_load_ms: load time afterwards.
    step_ms, image_ms: medians over the images, without encoding the prompt.
    peak_bytes: peak resident memory of the engine.
    psnr_db: of the image least similar to the reference's. Infinite for equal pixels, so also for the reference itself;
    None without a reference.
    error: why it could not be measured, else None.
    """

    machine: Machine
    measured_at: datetime
    variant: Variant
    unet: str
    drawn_with: bool
    num_inference_steps: int
    images: int
    precision: str | None = None
    pipeline: str | None = None
    runtime: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    first_load_ms: float | None = None
    warm_load_ms: float | None = None
    step_ms: float | None = None
    image_ms: float | None = None
    peak_bytes: int | None = None
    psnr_db: float | None = None
    error: str | None = None

    @property
    def images_per_hour(self) -> float | None:
        """The images that one engine draws in an hour with the measured number of steps."""
        return None if not self.image_ms else 3_600_000 / self.image_ms

    @property
    def usual_image_ms(self) -> float | None:
        """The time of an image with the default number of steps, to compare rows."""
        return self.image_ms_with(DEFAULT_NUM_INFERENCE_STEPS)

    def image_ms_with(self, num_inference_steps: int) -> float | None:
        """Compute the time of an image with another number of steps from both times."""
        if self.image_ms is None or self.step_ms is None:
            return None
        return self.image_ms + self.step_ms * (num_inference_steps - self.num_inference_steps)
