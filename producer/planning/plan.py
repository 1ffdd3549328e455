"""Planning: prompt lines and a submission's defaults become recipes with seeds, all of them checked.

Nothing is stored or queued here, and nothing is random except random seeds, which the plan records. The same lines,
defaults and model files always give the same plan and the same key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from db.values import JSON, BatchPlan, PlannedEntry
from producer.planning.cap import MAX_IMAGES, Cap
from producer.planning.chooser import Choose, Unmeasured
from producer.planning.conditions import (
    FindNet,
    conditions_of,
    names_of,
)
from producer.planning.defaults import Defaults
from producer.planning.entries import Entries
from producer.planning.line_seeds import how_many, seeds_of
from producer.planning.pictures import Pictures
from producer.planning.prompt_length import cut_after
from producer.planning.requirements import Requirements
from producer.planning.steps import check_steps_of
from producer.reading.lines import MAX_PROBLEMS
from producer.reading.prompt_line import PromptLine
from producer.reading.remarks import Remarks
from sdq_core.errors import InputError, InputMissingError, PackageError, PromptFileError
from sdq_core.models import AnyFolder, VariantFolder
from sdq_core.models.controlnet import ControlNets
from sdq_core.models.usual import Usual
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
from sdq_core.values.weighted_text import weighted_parts

#: How much of a prompt is shown before its cut.
_CUT_SHOWN_WORDS = 4
#: On how many lines prompts are measured, each long one in 0.05 ms; `sdq status BATCH` knows of all once drawn.
_MOST_MEASURED = 100_000

#: Returns a model's variant, or what all have in common; raises InputMissingError or InputError.
Resolve = Callable[[str, VariantWord], VariantFolder | AnyFolder]


def plan_batch(
    lines: Iterable[PromptLine],
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
    find_net = cache((controlnets or ControlNets(Path("no models"))).find)
    requirements = Requirements(find_net)
    entries = Entries()
    problems: list[str] = []
    images = 0
    options: dict[str, Any] = {}
    # Of each model, the usual settings that hold; `resolve` keeps the folders alive, so an id means one of them.
    held: dict[int, dict[str, Any]] = {}
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
                usual = held.get(id(folder))
                if usual is None:
                    usual = held[id(folder)] = _left_open(folder.usual, defaults)
                    if folder.model == defaults.model:
                        options.update(usual)
                recipe = _recipe(line, defaults, folder, placement, usual, pictures, find_net)
                if usual and remarks is not None:
                    _note_usual(recipe, line, folder.usual, usual, remarks)
                requirements.require(folder, recipe.conditions)
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
        options=replace(defaults, **options).to_options(),
        chosen=choose.to_keep(),
        pictures=pictures.to_keep(),
        slice_size=defaults.slice_size,
        interleave=defaults.interleave,
        priority=defaults.priority,
        at_front=defaults.at_front,
    )


def _left_open(usual: Usual, defaults: Defaults) -> dict[str, Any]:
    """Return which of a model's usual settings hold: those that the command does not name."""
    said = usual.settings().items()
    return {name: value for name, value in said if name not in defaults.named}


def _note_usual(
    recipe: Recipe, line: PromptLine, usual: Usual, held: Mapping[str, Any], remarks: Remarks
) -> None:
    applied = {name: value for name, value in held.items() if getattr(line, name) is None}
    if applied:
        remarks.usual.setdefault(
            recipe.variant.model, Usual(**applied, by=usual.by, lacks=usual.lacks)
        )


def _note_cut(recipe: Recipe, place: str, tokenizer: Path, remarks: Remarks) -> None:
    for text in (recipe.prompt, recipe.negative_prompt):
        read = cut_after(text, tokenizer, weighted=recipe.conditions.weighted)
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
    usual: Mapping[str, Any],
    pictures: Pictures,
    find_net: FindNet,
) -> Recipe:
    def said(own: int | None, default: int) -> int:
        return default if own is None else own

    def setting(name: str) -> Any:
        own = getattr(line, name)
        if own is not None:
            return own
        return usual[name] if name in usual else getattr(defaults, name)

    steps, scheduler = setting("num_inference_steps"), setting("scheduler")
    width, height = said(line.width, folder.width), said(line.height, folder.height)
    if (width, height) != (folder.width, folder.height):
        raise InputError(
            f"{folder.model} cannot draw {width}x{height}: "
            f"it was converted for {folder.width}x{folder.height}; leave width and height out"
        )
    negative_prompt = (
        defaults.negative_prompt if line.negative_prompt is None else line.negative_prompt
    )
    conditions = conditions_of(
        line,
        defaults,
        pictures,
        find_net,
        family=folder.family,
        size=(width, height),
        scheduler=scheduler,
    )
    check_steps_of(scheduler, steps, conditions, folder.timesteps)
    if conditions.weighted:
        for prompt in (line.prompt, negative_prompt):
            weighted_parts(prompt)  # raises for weights without meaning
    return Recipe(
        variant=_variant(line, folder, placement),
        prompt=line.prompt,
        negative_prompt=negative_prompt,
        num_inference_steps=steps,
        guidance_scale=setting("guidance_scale"),
        scheduler=scheduler,
        width=folder.width,
        height=folder.height,
        rng=line.rng or defaults.rng,
        conditions=conditions,
    )


def _variant(
    line: PromptLine, folder: VariantFolder | AnyFolder, placement: Placement | Whichever
) -> RecipeVariant:
    if placement is not ANY:
        return _variant_of(placement, folder.model, folder.revision)
    if line.compute_unit is not None:
        raise InputError(
            f"compute_unit {line.compute_unit} cannot be combined with variant any, which leaves both to the worker; "
            "leave it out, or name a variant"
        )
    return AnyVariant(model=folder.model, revision=folder.revision)


#: One for all of the many lines that have none.
_NO_FIELDS: dict[str, JSON] = {}


@lru_cache(maxsize=1000)
def _variant_of(placement: Placement, model: str, revision: str) -> RecipeVariant:
    """Return a variant; one object for the thousands of recipes that are drawn with it."""
    return placement.of(model, revision)


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
    return fields or _NO_FIELDS


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
