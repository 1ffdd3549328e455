"""Planning: prompt lines and a submission's defaults become recipes with seeds, every one of them checked.

Nothing is stored or queued here, and nothing is random but seeds asked for as random, which the plan records. The same
lines, defaults and model files always give the same plan and the same key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from db.values import JSON, BatchPlan, PlannedEntry
from producer.auto import Choose, unmeasured
from producer.entries import Entries
from producer.fields import check_guidance_scale, check_steps, check_text
from producer.lines import MAX_PROBLEMS
from producer.prompts import PromptLine
from sdq_core.errors import InputError, InputMissingError, PromptFileError
from sdq_core.models import AnyFolder, VariantFolder
from sdq_core.values.recipes import (
    DEFAULT_GUIDANCE_SCALE,
    DEFAULT_NUM_INFERENCE_STEPS,
    DEFAULT_SCHEDULER,
    Recipe,
)
from sdq_core.values.seeds import check_seed, format_seeds, random_seeds
from sdq_core.values.variants import (
    AnyVariant,
    AttentionImplementation,
    ComputeUnit,
    RecipeVariant,
    Scheduler,
    Variant,
    Whichever,
)

#: The most images of one submission: 400,000 slices, and months of drawing.
MAX_IMAGES = 10_000_000

#: Finds a model's variant, or what all have in common, on this disk; raises InputMissingError or InputError.
Resolve = Callable[[str, AttentionImplementation | Whichever], VariantFolder | AnyFolder]


@dataclass(frozen=True, kw_only=True)
class Defaults:
    """What a submission says once for all of its lines; a line's own options win.

    variants: each draws its own images. None for variants or compute_unit: auto, see `producer.auto`; variant `any`
    leaves the compute unit open too.
    seeds: for lines without a seed; by default the one seed 0, so that submitting again asks for the same image and
    draws nothing twice. random_seeds: how many to draw instead, anew for each line.
    width, height: pixels; only checked, for a Core ML model has one size. batch_name: None lets the ledger choose.
    slice_size: the most seeds in a unit of dispatch. Raise InputError for a value that no model can take.
    """

    model: str
    variants: tuple[AttentionImplementation | Whichever, ...] | None
    compute_unit: ComputeUnit | None
    num_inference_steps: int = DEFAULT_NUM_INFERENCE_STEPS
    guidance_scale: float = DEFAULT_GUIDANCE_SCALE
    scheduler: Scheduler = DEFAULT_SCHEDULER
    negative_prompt: str = ""
    seeds: Sequence[int] = range(1)
    random_seeds: int | None = None
    width: int | None = None
    height: int | None = None
    batch_name: str | None = None
    slice_size: int = 25

    def __post_init__(self) -> None:
        check_steps(self.num_inference_steps)
        check_guidance_scale(self.guidance_scale)
        object.__setattr__(
            self, "negative_prompt", check_text("negative_prompt", self.negative_prompt)
        )
        if self.batch_name is not None:
            object.__setattr__(self, "batch_name", check_text("batch name", self.batch_name))
            if not self.batch_name:
                raise InputError("the batch name is empty")
        if self.variants == ():
            raise InputError("there is no variant to draw with")
        if not self.seeds:
            raise InputError("there are no seeds to draw")
        if self.slice_size < 1:
            raise InputError(f"slice_size is {self.slice_size}; use 1 or more")

    def to_options(self) -> dict[str, JSON]:
        """Give the JSON-ready form that a batch keeps for its reader."""
        return {
            "model": self.model,
            "variants": None if self.variants is None else [str(word) for word in self.variants],
            "compute_unit": None if self.compute_unit is None else str(self.compute_unit),
            "num_inference_steps": self.num_inference_steps,
            "guidance_scale": float(self.guidance_scale),
            "scheduler": str(self.scheduler),
            "negative_prompt": self.negative_prompt,
            "seeds": None if self.random_seeds else format_seeds(self.seeds),
            "random_seeds": self.random_seeds,
            "slice_size": self.slice_size,
        }


def plan_batch(
    lines: Sequence[PromptLine],
    defaults: Defaults,
    resolve: Resolve,
    *,
    choose: Choose = unmeasured,
    source_name: str = "prompt",
    source: str = "--prompt",
) -> BatchPlan:
    """Expand lines into recipes with seeds, in the order of the lines, and check all of them.

    choose: decides about each line's variants and compute unit, where one of them is auto.
    Raise PromptFileError with every line that cannot be drawn; and, where the submission's own model or variant is not
    there, what `resolve` raised.
    """
    resolved = _Resolved(resolve, defaults)
    entries = Entries()
    problems: list[str] = []
    images = 0
    for line in lines:
        pairs = choose(
            line.model or defaults.model,
            line.variants or defaults.variants,
            line.compute_unit or defaults.compute_unit,
        )
        images += _how_many(line, defaults) * len(pairs)
        if images > MAX_IMAGES:
            problems.append(
                f"{line.source}: more than {MAX_IMAGES:,} images up to here; ask for fewer seeds, or submit in parts"
            )
        if images > MAX_IMAGES or len(problems) >= MAX_PROBLEMS:
            break
        try:
            seeds = _seeds(line, defaults)
            for attention, compute_unit in pairs:
                folder = resolved(line, attention)
                entries.add(_recipe(line, defaults, folder, compute_unit), seeds, _fields(line))
        except InputError as error:
            problems.append(f"{line.source}: {error}")
    if problems:
        raise PromptFileError(problems)
    planned = entries.planned()
    return BatchPlan(
        name=defaults.batch_name,
        source_name=source_name,
        source=source,
        key=_key(defaults.batch_name, planned),
        entries=planned,
        options=defaults.to_options(),
        slice_size=defaults.slice_size,
    )


class _Resolved:
    """Each variant of each model looked up once, whatever the number of lines."""

    def __init__(self, resolve: Resolve, defaults: Defaults) -> None:
        self._resolve = resolve
        self._defaults = defaults
        self._found: dict[
            tuple[str, AttentionImplementation | Whichever], VariantFolder | AnyFolder | InputError
        ] = {}

    def __call__(
        self, line: PromptLine, variant: AttentionImplementation | Whichever
    ) -> VariantFolder | AnyFolder:
        model = line.model or self._defaults.model
        key = (model, variant)
        if key not in self._found:
            try:
                self._found[key] = self._resolve(model, variant)
            except (InputError, InputMissingError) as error:
                asked = self._defaults.variants
                if model == self._defaults.model and (
                    not line.variants if asked is None else variant in asked
                ):
                    raise  # the command's fault rather than a line's
                self._found[key] = InputError(str(error))
        found = self._found[key]
        if isinstance(found, InputError):
            raise found
        return found


def _recipe(
    line: PromptLine,
    defaults: Defaults,
    folder: VariantFolder | AnyFolder,
    compute_unit: ComputeUnit | None,
) -> Recipe:
    def said(own: int | None, default: int) -> int:
        return default if own is None else own

    guidance_scale = defaults.guidance_scale if line.guidance_scale is None else line.guidance_scale
    if guidance_scale <= 1 and folder.unet_batch != 1:
        raise InputError(
            f"guidance_scale {guidance_scale:g} draws without guidance, which needs a U-Net converted "
            f"with batch 1, and that of {folder.model} {folder.attention_implementation} has batch "
            f"{folder.unet_batch}; use more than 1"
        )
    width, height = line.width or defaults.width, line.height or defaults.height
    if said(width, folder.width) != folder.width or said(height, folder.height) != folder.height:
        raise InputError(
            f"the size {said(width, folder.width)}x{said(height, folder.height)} does not fit: "
            f"{folder.model} was converted for {folder.width}x{folder.height}; leave width and height out"
        )
    return Recipe(
        variant=_variant(line, folder, compute_unit),
        prompt=line.prompt,
        negative_prompt=(
            defaults.negative_prompt if line.negative_prompt is None else line.negative_prompt
        ),
        num_inference_steps=said(line.num_inference_steps, defaults.num_inference_steps),
        guidance_scale=guidance_scale,
        scheduler=line.scheduler or defaults.scheduler,
        width=folder.width,
        height=folder.height,
    )


def _variant(
    line: PromptLine, folder: VariantFolder | AnyFolder, compute_unit: ComputeUnit | None
) -> RecipeVariant:
    if isinstance(folder, AnyFolder):
        if line.compute_unit is not None:
            raise InputError(
                f"compute_unit {line.compute_unit} does not go with variant any, which leaves both to the worker; "
                "leave it out, or name a variant"
            )
        return AnyVariant(model=folder.model, revision=folder.revision)
    return Variant(
        model=folder.model,
        revision=folder.revision,
        attention_implementation=folder.attention_implementation,
        compute_unit=compute_unit or ComputeUnit.ALL,
    )


def _how_many(line: PromptLine, defaults: Defaults) -> int:
    """Count a line's seeds without making them."""
    if line.seeds is not None:
        return len(line.seeds)
    return line.random_seeds or line.image_count or defaults.random_seeds or len(defaults.seeds)


def _seeds(line: PromptLine, defaults: Defaults) -> Sequence[int]:
    """A line's own seeds; or so many at random; or so many counted up; or the submission's."""
    if line.seeds is not None:
        return line.seeds
    if line.random_seeds is not None:
        return random_seeds(line.random_seeds)
    if defaults.random_seeds is not None:
        return random_seeds(line.image_count or defaults.random_seeds)
    if line.image_count is not None:
        first = defaults.seeds[0]
        check_seed(first + line.image_count - 1)
        return range(first, first + line.image_count)
    return defaults.seeds


def _fields(line: PromptLine) -> dict[str, JSON]:
    fields: dict[str, JSON] = {}
    if line.custom_id is not None:
        fields["custom_id"] = line.custom_id
    if line.tags:
        fields["tags"] = list(line.tags)
    if line.meta:
        fields["meta"] = dict(line.meta)
    return fields


def _key(batch_name: str | None, entries: Sequence[PlannedEntry]) -> str:
    """Hash what a batch draws and whose it is: its name where given, each recipe, its seeds and the user's fields.

    A name makes another batch of the same images on purpose; options that change no image, such as the slice size, do
    not make another batch.
    """
    digest = hashlib.sha256()
    digest.update(_canonical([1, batch_name]))
    # Most entries share one sequence of seeds; `entries` keeps them alive, so an id means one of them.
    texts: dict[int, str] = {}
    for entry in entries:
        seeds = texts.get(id(entry.seeds)) or format_seeds(entry.seeds)
        texts[id(entry.seeds)] = seeds
        digest.update(_canonical([entry.recipe.content_key, seeds, entry.fields]))
    return digest.hexdigest()


def _canonical(value: Sequence[JSON]) -> bytes:
    return _ENCODER.encode(value).encode() + b"\n"


_ENCODER = json.JSONEncoder(ensure_ascii=True, sort_keys=True, separators=(",", ":"))
