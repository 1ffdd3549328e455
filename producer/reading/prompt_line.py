"""A prompt line: one prompt with its options, whatever the format of its file.

None means "not set here": the submission's own option applies, then sdq's default. Values are checked as far as that
is possible without the model (see `producer.reading.fields`); `producer.planning.plan` checks the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from db.values import JSON
from producer.reading.controlnets import Following
from sdq_core.values.rng import Rng
from sdq_core.values.variants import ComputeUnit, Scheduler, VariantWord

#: One for all of the many lines that have none.
_NO_META: Mapping[str, JSON] = {}


@dataclass(frozen=True, kw_only=True)
class PromptLine:
    """One prompt with its options and its place.

    At most one of seeds, random_seeds and image_count is set.

    source: ``file:line`` for messages.
    seeds: written on the line.
    random_seeds: how many to choose when planning.
    image_count: how many seeds to count up from the submission's first (AUTOMATIC1111's ``n_iter`` without a seed).
    eta: how much noise TCD adds, from 0 to 1.
    weighted: whether `(word:1.2)` in its prompts weighs words.
    width, height: pixels.
    init_image, mask: pictures, by the paths of their files or as `sha256:DIGEST/NAME` for what is kept already.
    strength: how much of init_image is drawn anew, over 0 to 1.
    original_size, crop: what a model of Stable Diffusion XL is told: width and height, left and top, pixels.
    controlnets: in the order in which they add up; none is another wish than None.
    custom_id, tags, meta: the user's own, never used to draw.
    is_exported: an export wrote it, a line for each image: its texts are to the letter, and several share a custom_id.
    dynamic: the template of the prompt and what was chosen for it, None if it has none; never used to draw.
    """

    prompt: str
    source: str
    negative_prompt: str | None = None
    seeds: Sequence[int] | None = None
    random_seeds: int | None = None
    image_count: int | None = None
    num_inference_steps: int | None = None
    guidance_scale: float | None = None
    scheduler: Scheduler | None = None
    rng: Rng | None = None
    eta: float | None = None
    weighted: bool | None = None
    variants: tuple[VariantWord, ...] | None = None
    compute_unit: ComputeUnit | None = None
    model: str | None = None
    width: int | None = None
    height: int | None = None
    init_image: str | None = None
    strength: float | None = None
    mask: str | None = None
    original_size: tuple[int, int] | None = None
    crop: tuple[int, int] | None = None
    controlnets: tuple[Following, ...] | None = None
    custom_id: str | None = None
    tags: tuple[str, ...] = ()
    meta: Mapping[str, JSON] = field(default_factory=lambda: _NO_META)
    is_exported: bool = False
    dynamic: Mapping[str, JSON] | None = None
