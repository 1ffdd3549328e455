"""Planning: prompt lines and a submission's defaults become recipes with seeds, all of them checked.

Nothing is stored or queued here, and nothing is random except random seeds, which the plan records. The same lines,
defaults and model files always give the same plan and the same key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from db.values import JSON, BatchPlan, PlannedEntry
from producer.planning.cap import MAX_IMAGES, Cap
from producer.planning.chooser import Choose, Unmeasured
from producer.planning.conditions import (
    FindNet,
    conditions_of,
    names_of,
    require_controlnets,
    require_encoder,
)
from producer.planning.defaults import Defaults
from producer.planning.entries import Entries
from producer.planning.line_seeds import how_many, seeds_of
from producer.planning.pictures import Pictures
from producer.planning.prompt_length import cut_after
from producer.reading.lines import MAX_PROBLEMS
from producer.reading.prompt_line import PromptLine
from producer.reading.remarks import Remarks
from sdq_core.errors import InputError, InputMissingError, PackageError, PromptFileError
from sdq_core.models import AnyFolder, VariantFolder
from sdq_core.models.controlnet import ControlNets
from sdq_core.values.recipes import Recipe
from sdq_core.values.seeds import format_seeds
from sdq_core.values.variants import (
    ANY,
    AnyVariant,
    Placement,
    RecipeVariant,
    VariantWord,
    Whichever,
)

#: How much of a prompt is shown before its cut.
_CUT_SHOWN_WORDS = 4
#: On how many lines prompts are measured, each long one in 0.05 ms; `sdq status BATCH` knows of all once drawn.
_MOST_MEASURED = 100_000

#: Returns a model's variant, or what all have in common; raises InputMissingError or InputError.
Resolve = Callable[[str, VariantWord], VariantFolder | AnyFolder]


def plan_batch(
    lines: Sequence[PromptLine],
    defaults: Defaults,
    resolve: Resolve,
    *,
    choose: Choose | None = None,
    pictures: Pictures | None = None,
    controlnets: ControlNets | None = None,
    source_name: str = "prompt",
    source: str = "--prompt",
    remarks: Remarks | None = None,
    max_images: int = MAX_IMAGES,
) -> BatchPlan:
    """Expand lines into recipes with seeds, in the order of the lines, and check all of them.

    choose: decides on each line's variants and compute unit; by default what is left open is `original` on ALL.
    pictures: finds those that lines name.
    controlnets: those that lines may name, none by default.
    remarks: collects what the user should know.
    max_images: more are refused.

    Raise PromptFileError with every line that cannot be drawn; if the submission's own model or variant is missing,
    raise what `resolve` raised.
    """
    choose = choose or Unmeasured()
    pictures = pictures or Pictures(None)
    resolve = cache(resolve)
    with_encoder: set[tuple[str, VariantWord]] = set()
    find_net = cache((controlnets or ControlNets(Path("no models"))).find)
    with_nets: set[tuple[str, VariantWord, tuple[str, ...]]] = set()
    entries = Entries()
    problems: list[str] = []
    images = 0
    for index, line in enumerate(lines):
        placements = choose(
            line.model or defaults.model,
            line.variants or defaults.variants,
            line.compute_unit or defaults.compute_unit,
        )
        images += how_many(line, defaults) * len(placements)
        if images > max_images:
            problems.append(f"{line.source}: {Cap(max_images).exceeded()}")
        if images > max_images or len(problems) >= MAX_PROBLEMS:
            break
        try:
            seeds = seeds_of(line, defaults)
            fields = _fields(line, names_of(line, defaults, pictures))
            for placement in placements:
                word = ANY if placement is ANY else placement.attention_implementation
                folder = _folder(line, defaults, word, resolve)
                recipe = _recipe(line, defaults, folder, placement, pictures, find_net)
                if recipe.conditions.init_image and (folder.model, word) not in with_encoder:
                    require_encoder(folder)
                    with_encoder.add((folder.model, word))
                if uses := recipe.conditions.controlnets:
                    key = (folder.model, word, tuple(use.name for use in uses))
                    if key not in with_nets:
                        require_controlnets(folder, uses, find_net)
                        with_nets.add(key)
                entries.add(recipe, seeds, fields, line.source)
                if remarks is not None and index < _MOST_MEASURED:
                    _note_cut(recipe, line.source, folder.tokenizer, remarks)
        except InputError as error:
            problems.append(f"{line.source}: {error}")
    if problems:
        raise PromptFileError(problems)
    planned = entries.planned()
    if remarks is not None:
        remarks.repeated_images = images - sum(len(entry.seeds) for entry in planned)
    return BatchPlan(
        name=defaults.batch_name,
        source_name=source_name,
        source=source,
        key=_key(defaults.batch_name, planned),
        entries=planned,
        options=defaults.to_options(),
        chosen=choose.to_keep(),
        pictures=pictures.to_keep(),
        slice_size=defaults.slice_size,
        interleave=defaults.interleave,
        priority=defaults.priority,
        at_front=defaults.at_front,
    )


def _note_cut(recipe: Recipe, place: str, tokenizer: Path, remarks: Remarks) -> None:
    for text in (recipe.prompt, recipe.negative_prompt):
        read = cut_after(text, tokenizer)
        if read is not None:
            remarks.cut.setdefault(place, " ".join(read.split()[-_CUT_SHOWN_WORDS:])[-60:])


def _folder(
    line: PromptLine, defaults: Defaults, word: VariantWord, resolve: Resolve
) -> VariantFolder | AnyFolder:
    """Return what draws a line; raise InputError if the line names what is not there or cannot be used."""
    model = line.model or defaults.model
    try:
        return resolve(model, word)
    except (InputMissingError, PackageError) as error:
        named = not line.variants if defaults.variants is None else word in defaults.variants
        if model == defaults.model and named:
            raise  # the command's fault rather than a line's
        raise InputError(str(error)) from error


def _recipe(
    line: PromptLine,
    defaults: Defaults,
    folder: VariantFolder | AnyFolder,
    placement: Placement | Whichever,
    pictures: Pictures,
    find_net: FindNet,
) -> Recipe:
    def said(own: int | None, default: int) -> int:
        return default if own is None else own

    guidance_scale = defaults.guidance_scale if line.guidance_scale is None else line.guidance_scale
    if guidance_scale <= 1 and folder.unet_batch != 1:
        raise InputError(
            f"guidance_scale {guidance_scale:g} turns guidance off, which needs a U-Net converted "
            f"with batch 1, but that of {folder.model} {folder.attention_implementation} has batch "
            f"{folder.unet_batch}; use more than 1"
        )
    width, height = said(line.width, folder.width), said(line.height, folder.height)
    if (width, height) != (folder.width, folder.height):
        raise InputError(
            f"{folder.model} cannot draw {width}x{height}: "
            f"it was converted for {folder.width}x{folder.height}; leave width and height out"
        )
    steps = said(line.num_inference_steps, defaults.num_inference_steps)
    return Recipe(
        variant=_variant(line, folder, placement),
        prompt=line.prompt,
        negative_prompt=(
            defaults.negative_prompt if line.negative_prompt is None else line.negative_prompt
        ),
        num_inference_steps=steps,
        guidance_scale=guidance_scale,
        scheduler=line.scheduler or defaults.scheduler,
        width=folder.width,
        height=folder.height,
        conditions=conditions_of(line, defaults, steps, pictures, find_net),
    )


def _variant(
    line: PromptLine, folder: VariantFolder | AnyFolder, placement: Placement | Whichever
) -> RecipeVariant:
    if placement is not ANY:
        return placement.of(folder.model, folder.revision)
    if line.compute_unit is not None:
        raise InputError(
            f"compute_unit {line.compute_unit} cannot be combined with variant any, which leaves both to the worker; "
            "leave it out, or name a variant"
        )
    return AnyVariant(model=folder.model, revision=folder.revision)


def _fields(line: PromptLine, pictures: dict[str, JSON]) -> dict[str, JSON]:
    fields: dict[str, JSON] = {}
    if line.custom_id is not None:
        fields["custom_id"] = line.custom_id
    if line.tags:
        fields["tags"] = list(line.tags)
    if line.meta:
        fields["meta"] = dict(line.meta)
    if line.dynamic:
        fields["dynamic"] = dict(line.dynamic)
    if pictures:
        fields["pictures"] = pictures
    return fields


def _key(batch_name: str | None, entries: Sequence[PlannedEntry]) -> str:
    """Hash what identifies a batch: its name if given, and each recipe with its seeds and the user's fields.

    Another name makes another batch of the same images, on purpose; options that change no image, such as the slice
    size, do not.
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
