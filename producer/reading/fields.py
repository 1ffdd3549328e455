"""A prompt line's options by name: how each is checked.

All formats end here. A txt option and a csv cell arrive as text, a jsonl value as any JSON; both become the same
`PromptLine` or a list of problems. Nothing here raises: a file's problems are collected and reported together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypedDict

from db.values import JSON
from producer.reading.characters import plain
from producer.reading.checks import (
    check_eta,
    check_guidance_scale,
    check_picture,
    check_steps,
    check_strength,
    check_text,
)
from producer.reading.controlnets import Following, parse_all
from producer.reading.json_values import bounded, count_values, flag, number, text, whole
from producer.reading.prompt_line import PromptLine
from producer.reading.words import (
    parse_compute_unit,
    parse_rng,
    parse_scheduler,
    parse_variants,
)
from sdq_core.errors import InputError
from sdq_core.printable import quote
from sdq_core.values.limits import MAX_SIDE
from sdq_core.values.names import model_spelling
from sdq_core.values.pixels import parse_crop, parse_size
from sdq_core.values.rng import Rng
from sdq_core.values.seeds import MAX_SEED, MAX_SEEDS, check_seed, compact_seeds, parse_seeds
from sdq_core.values.variants import ComputeUnit, Scheduler, VariantWord

#: The field that marks a line of an export; no name stands for it.
EXPORTED = "exported"
MAX_TAGS = 1000
MAX_META_DEPTH = 32
MAX_META_VALUES = 10_000
MAX_MODEL_CHARS = 1000


#: A table writes the whole numbers of a column with blanks as 7.0.
_WHOLE = re.compile(r"(?<![0-9.])([0-9]+)\.0*(?![0-9.])")
#: One number, written otherwise than in digits only.
_OTHER_NUMBER = re.compile(r"\+[0-9].*|[0-9]+(?:\.[0-9]+)?[eE]\+?[0-9]+|[0-9]+\.[0-9]+")
#: A list of seeds, or one number with a decimal comma or with its thousands apart.
_UNCLEAR = re.compile(r"[0-9]+,0+|.*[0-9],0[0-9]{2}(?![0-9]).*")


class _Part(TypedDict, total=False):
    """What one option sets, by the names of `PromptLine`: usually one of them."""

    prompt: str
    negative_prompt: str
    seeds: Sequence[int]
    random_seeds: int
    image_count: int
    num_inference_steps: int
    guidance_scale: float
    scheduler: Scheduler
    rng: Rng
    eta: float
    weighted: bool
    variants: tuple[VariantWord, ...]
    compute_unit: ComputeUnit
    model: str
    width: int
    height: int
    init_image: str
    strength: float
    mask: str
    original_size: tuple[int, int]
    crop: tuple[int, int]
    controlnets: tuple[Following, ...]
    custom_id: str
    tags: tuple[str, ...]
    meta: Mapping[str, JSON]
    is_exported: bool


def build_line(
    values: Mapping[str, JSON], *, source: str, problems: list[str]
) -> PromptLine | None:
    """Check a line's values by field name; return the line, or add what is wrong to `problems` and return None."""
    said: _Part = {}
    before = len(problems)
    for field, value in values.items():
        if value is None:
            continue
        try:
            said.update(_PARSERS[field](value))
        except InputError as error:
            problems.append(f"{source}: {error}")
    if values.get("prompt") is None:
        problems.append(f"{source}: the prompt is missing")
    if len(problems) > before:
        return None
    try:
        return PromptLine(source=source, **_with_settled_seeds(said))
    except InputError as error:
        problems.append(f"{source}: {error}")
        return None


def _with_settled_seeds(said: _Part) -> _Part:
    """Return the same with at most one of seeds, random_seeds and image_count; raise InputError if they clash."""
    seeds, random, count = (
        said.get("seeds"),
        said.get("random_seeds"),
        said.get("image_count"),
    )
    if seeds is not None and random is not None:
        raise InputError("seed and random_seeds cannot be combined; leave one out")
    if count is None or (seeds is None and random is None):
        return said
    settled = said.copy()
    del settled["image_count"]
    if seeds is None:
        if random != 1:
            raise InputError("n_iter and random_seeds cannot be combined; leave one out")
        settled["random_seeds"] = count
    else:
        if len(seeds) != 1:
            raise InputError("n_iter and several seeds cannot be combined; leave one out")
        check_seed(seeds[0] + count - 1)
        settled["seeds"] = range(seeds[0], seeds[0] + count)
    return settled


def _text(field: str, value: JSON) -> str:
    return check_text(field, text(field, value))


def _prompt(value: JSON) -> str:
    prompt = _text("prompt", value)
    if not prompt:
        raise InputError("the prompt is empty")
    return prompt


def _custom_id(value: JSON) -> _Part:
    # Data sets often number their rows; an id is still text.
    numbered = type(value) is int
    written = str(bounded("custom_id", value)) if numbered else text("custom_id", value)
    custom_id = check_text("custom_id", written, exact=True)
    return {"custom_id": custom_id} if custom_id else {}


def _model(value: JSON) -> str:
    model = _text("model", value)
    if not model:
        raise InputError("the model name is empty")
    if len(model) > MAX_MODEL_CHARS:
        raise InputError(f"the model name has more than {MAX_MODEL_CHARS:,} characters")
    return model_spelling(model)


def _seed(value: JSON) -> _Part:
    if isinstance(value, list):
        if not 1 <= len(value) <= MAX_SEEDS:
            raise InputError(f"seed lists {len(value):,} seeds; use 1 to {MAX_SEEDS:,}")
        return {"seeds": compact_seeds(check_seed(whole("seed", seed)) for seed in value)}
    if isinstance(value, str):
        seeds = seeds_or_random(value)
        return {"random_seeds": 1} if seeds is None else {"seeds": seeds}
    seed = whole("seed", value)
    if seed == -1:
        return {"random_seeds": 1}
    if not 0 <= seed <= MAX_SEED:
        raise InputError(f"seed {seed} is not between 0 and {MAX_SEED} (or -1 for a random one)")
    return {"seeds": range(seed, seed + 1)}


def seeds_or_random(written: str) -> Sequence[int] | None:
    """Return the seeds of a text, None for -1, which means a random one; raise InputError for anything else."""
    seeds = _WHOLE.sub(r"\1", plain(written))
    if seeds == "-1":
        return None
    if _OTHER_NUMBER.fullmatch(seeds):
        seeds = str(whole("seed", seeds))
    if _UNCLEAR.fullmatch(seeds):
        raise InputError(
            f"seeds {quote(written.strip())} may be one number or a list; write 7 and 1000 without a comma, "
            "and a list as 0,7"
        )
    return parse_seeds(seeds)


def _count(field: str, called: str, value: JSON) -> int:
    count = whole(field, value)
    if not 1 <= count <= MAX_SEEDS:
        raise InputError(f"{called} is {count}; use 1 to {MAX_SEEDS:,}")
    return count


def _side(field: str, value: JSON) -> int:
    side = whole(field, value)
    if not 1 <= side <= MAX_SIDE:
        raise InputError(f"{field} is {side} pixels; use 1 to {MAX_SIDE}")
    return side


def _variants(value: JSON) -> tuple[VariantWord, ...]:
    if isinstance(value, list) and value and all(isinstance(word, str) for word in value):
        value = ",".join(value)
    return parse_variants(text("variant", value))


def _tags(value: JSON) -> tuple[str, ...]:
    words = re.split(r"[,;]", value) if isinstance(value, str) else value
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise InputError("tags must be a list of strings")
    if len(words) > MAX_TAGS:
        raise InputError(f"there are {len(words):,} tags; the limit is {MAX_TAGS:,}")
    tags = (check_text("tag", word, exact=True) for word in words)
    return tuple(dict.fromkeys(tag for tag in tags if tag))


def _controlnets(value: JSON) -> tuple[Following, ...]:
    words = [word for word in value.split(";") if word.strip()] if isinstance(value, str) else value
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise InputError("controlnet must be a text or a list of texts")
    return parse_all(words)


def parse_meta(value: JSON) -> Mapping[str, JSON]:
    """Return the user's own fields; raise InputError for what cannot be stored."""
    if not isinstance(value, dict):
        raise InputError("meta must be an object")
    if count_values(value) > MAX_META_VALUES:
        raise InputError(f"meta has more than {MAX_META_VALUES:,} values")
    _check_meta(value, depth=0)
    return value


def _check_meta(value: JSON, *, depth: int) -> None:
    """Refuse what the ledger's databases cannot store as JSON."""
    if depth > MAX_META_DEPTH:
        raise InputError(f"meta is nested more than {MAX_META_DEPTH} levels deep")
    if isinstance(value, str):
        if "\0" in value or re.search(r"[\ud800-\udfff]", value):
            raise InputError("meta contains a NUL or half a surrogate pair; remove it")
    elif isinstance(value, dict):
        for key, inner in value.items():
            _check_meta(key, depth=depth + 1)
            _check_meta(inner, depth=depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _check_meta(inner, depth=depth + 1)


_PARSERS: Mapping[str, Callable[[JSON], _Part]] = {
    "prompt": lambda value: {"prompt": _prompt(value)},
    "negative_prompt": lambda value: {"negative_prompt": _text("negative_prompt", value)},
    "seed": _seed,
    "random_seeds": lambda value: {"random_seeds": _count("random_seeds", "random_seeds", value)},
    "image_count": lambda value: {"image_count": _count("image_count", "n_iter", value)},
    "num_inference_steps": lambda value: {
        "num_inference_steps": check_steps(whole("num_inference_steps", value))
    },
    "guidance_scale": lambda value: {
        "guidance_scale": check_guidance_scale(number("guidance_scale", value))
    },
    "scheduler": lambda value: {"scheduler": parse_scheduler(text("scheduler", value))},
    "rng": lambda value: {"rng": parse_rng(text("rng", value))},
    "eta": lambda value: {"eta": check_eta(number("eta", value))},
    "weighted": lambda value: {"weighted": flag("weighted", value)},
    "variants": lambda value: {"variants": _variants(value)},
    "compute_unit": lambda value: {"compute_unit": parse_compute_unit(text("compute_unit", value))},
    "model": lambda value: {"model": _model(value)},
    "width": lambda value: {"width": _side("width", value)},
    "height": lambda value: {"height": _side("height", value)},
    "init_image": lambda value: {"init_image": check_picture(text("init_image", value))},
    "strength": lambda value: {"strength": check_strength(number("strength", value))},
    "mask": lambda value: {"mask": check_picture(text("mask", value))},
    "original_size": lambda value: {"original_size": parse_size(text("original_size", value))},
    "crop": lambda value: {"crop": parse_crop(text("crop", value))},
    "controlnets": lambda value: {"controlnets": _controlnets(value)},
    "custom_id": _custom_id,
    "tags": lambda value: {"tags": _tags(value)},
    "meta": lambda value: {"meta": parse_meta(value)},
    EXPORTED: lambda _value: {"is_exported": True},
}
