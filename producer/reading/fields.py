"""The values of a prompt line's options: how each is checked.

All formats end here. A txt option and a csv cell arrive as text, a jsonl value as whatever JSON it was; both become the
same `PromptLine` or a list of problems. Nothing here raises: a file's problems are collected and reported together.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from db.values import JSON
from producer.reading.prompt_line import PromptLine
from producer.reading.words import parse_compute_unit, parse_scheduler, parse_variants, quote
from sdq_core.errors import InputError
from sdq_core.values.seeds import MAX_SEED, MAX_SEEDS, check_seed, compact_seeds, parse_seeds
from sdq_core.values.variants import ComputeUnit, Scheduler, VariantWord

#: 77 tokens reach the model; far beyond them a prompt is a file read by mistake.
MAX_TEXT_CHARS = 20_000
MAX_STEPS = 1000
MAX_GUIDANCE_SCALE = 100.0
#: Pixels; only guards against nonsense, the model's own size decides.
MAX_SIDE = 16_384
MAX_TAGS = 1000
MAX_META_DEPTH = 32
MAX_META_VALUES = 10_000
MAX_MODEL_CHARS = 1000

# NUL ends C strings, escapes drive terminals, lone surrogates cannot be stored: none belongs in a text.
_BAD_CHARACTER = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_NUMBER = re.compile(
    r"[+-]?[0-9]{1,20}(?:\.[0-9]{0,20})?(?:[eE][+-]?[0-9]{1,3})?|[+-]?\.[0-9]{1,20}"
)


def build_line(values: Mapping[str, Any], *, source: str, problems: list[str]) -> PromptLine | None:
    """Check a line's values by field name; add what is wrong to `problems` and give None, or give the line."""
    made: dict[str, Any] = {}
    before = len(problems)
    for field, value in values.items():
        if value is None:
            continue
        try:
            made.update(_PARSERS[field](field, value))
        except InputError as error:
            problems.append(f"{source}: {error}")
    if values.get("prompt") is None:
        problems.append(f"{source}: there is no prompt")
    elif len(problems) == before:
        try:
            _settle_seeds(made)
        except InputError as error:
            problems.append(f"{source}: {error}")
    return PromptLine(source=source, **made) if len(problems) == before else None


def check_steps(steps: int) -> int:
    """Give the number of steps back; raise InputError unless it is 1 to `MAX_STEPS`."""
    if not 1 <= steps <= MAX_STEPS:
        raise InputError(f"num_inference_steps is {steps}; use 1 to {MAX_STEPS}")
    return steps


def check_guidance_scale(scale: float) -> float:
    """Give the scale back; raise InputError unless it is finite and 0 to `MAX_GUIDANCE_SCALE`."""
    if not (math.isfinite(scale) and 0 <= scale <= MAX_GUIDANCE_SCALE):
        raise InputError(f"guidance_scale is {scale:g}; use 0 to {MAX_GUIDANCE_SCALE:g}")
    return float(scale)


def check_text(name: str, text: str) -> str:
    """Give the text back without white space around it; raise InputError for what no text should hold."""
    if len(text) > MAX_TEXT_CHARS:
        raise InputError(f"{name} has {len(text):,} characters; the most is {MAX_TEXT_CHARS:,}")
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    bad = _BAD_CHARACTER.search(text)
    if bad is not None:
        raise InputError(
            f"{name} contains the character U+{ord(bad[0]):04X} at position {bad.start() + 1}; "
            "remove it"
        )
    return text.strip()


def _settle_seeds(made: dict[str, Any]) -> None:
    """Leave at most one of seeds, random_seeds and image_count."""
    count = made.get("image_count")
    if made.get("random_seeds") is not None and made.get("seeds") is not None:
        raise InputError("seed and random_seeds do not fit together; leave one out")
    if count is None:
        return
    if made.get("random_seeds") is not None:
        if made["random_seeds"] != 1:
            raise InputError("n_iter and random_seeds do not fit together; leave one out")
        made["random_seeds"] = made.pop("image_count")
    elif (seeds := made.get("seeds")) is not None:
        if len(seeds) != 1:
            raise InputError("n_iter and several seeds do not fit together; leave one out")
        check_seed(seeds[0] + count - 1)
        made["seeds"] = range(seeds[0], seeds[0] + count)
        del made["image_count"]


def _text(field: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, str):
        raise InputError(f"{field} must be text, not {_kind(value)}")
    return {field: check_text(field, value)}


def _prompt(field: str, value: Any) -> dict[str, Any]:
    made = _text(field, value)
    if not made[field]:
        raise InputError("the prompt is empty")
    return made


def _custom_id(field: str, value: Any) -> dict[str, Any]:
    # Data sets often number their rows; an id is text all the same.
    made = _text(field, str(_bounded(field, value)) if type(value) is int else value)
    return made if made[field] else {}


def _model(field: str, value: Any) -> dict[str, Any]:
    made = _text(field, value)
    if not made[field]:
        raise InputError("the model has no name")
    if len(made[field]) > MAX_MODEL_CHARS:
        raise InputError(f"the model's name has more than {MAX_MODEL_CHARS:,} characters")
    return made


def _seed(field: str, value: Any) -> dict[str, Any]:
    if isinstance(value, list):
        if not 1 <= len(value) <= MAX_SEEDS:
            raise InputError(f"seed lists {len(value):,} seeds; use 1 to {MAX_SEEDS:,}")
        return {"seeds": compact_seeds(check_seed(_whole(field, seed)) for seed in value)}
    if isinstance(value, str) and value.strip() != "-1":
        return {"seeds": parse_seeds(value)}
    seed = _whole(field, value)
    if seed == -1:
        return {"random_seeds": 1}
    if not 0 <= seed <= MAX_SEED:
        raise InputError(f"seed {seed} is not between 0 and {MAX_SEED} (or -1 for a random one)")
    return {"seeds": range(seed, seed + 1)}


def _count(field: str, value: Any) -> dict[str, Any]:
    count = _whole(field, value)
    if not 1 <= count <= MAX_SEEDS:
        name = "n_iter" if field == "image_count" else field
        raise InputError(f"{name} is {count}; use 1 to {MAX_SEEDS:,}")
    return {field: count}


def _steps(field: str, value: Any) -> dict[str, Any]:
    return {field: check_steps(_whole(field, value))}


def _side(field: str, value: Any) -> dict[str, Any]:
    side = _whole(field, value)
    if not 1 <= side <= MAX_SIDE:
        raise InputError(f"{field} is {side} pixels; use 1 to {MAX_SIDE}")
    return {field: side}


def _guidance_scale(field: str, value: Any) -> dict[str, Any]:
    return {field: check_guidance_scale(_number(field, value))}


def _scheduler(field: str, value: Any) -> dict[str, Any]:
    return {field: _word(field, value, parse_scheduler)}


def _compute_unit(field: str, value: Any) -> dict[str, Any]:
    return {field: _word(field, value, parse_compute_unit)}


def _variants(field: str, value: Any) -> dict[str, Any]:
    if isinstance(value, list) and value and all(isinstance(word, str) for word in value):
        value = ",".join(value)
    return {field: _word("variant", value, parse_variants)}


def _tags(field: str, value: Any) -> dict[str, Any]:
    words = re.split(r"[,;]", value) if isinstance(value, str) else value
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise InputError("tags must be a list of texts")
    if len(words) > MAX_TAGS:
        raise InputError(f"there are {len(words):,} tags; the most is {MAX_TAGS:,}")
    tags = (check_text("tag", word) for word in words)
    return {field: tuple(dict.fromkeys(tag for tag in tags if tag))}


def _meta(field: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError("meta must be an object")
    if count_values(value) > MAX_META_VALUES:
        raise InputError(f"meta holds more than {MAX_META_VALUES:,} values")
    _check_meta(value, depth=0)
    return {field: value}


def count_values(value: JSON) -> int:
    """Count the texts, numbers, lists and objects of a JSON value, which in memory are far larger than as text."""
    count = 0
    waiting = [value]
    while waiting:
        inner = waiting.pop()
        count += 1
        if isinstance(inner, dict):
            waiting.extend(inner.values())
        elif isinstance(inner, list):
            waiting.extend(inner)
    return count


def _check_meta(value: JSON, *, depth: int) -> None:
    """Refuse what the ledger's databases cannot store as JSON."""
    if depth > MAX_META_DEPTH:
        raise InputError(f"meta is nested more than {MAX_META_DEPTH} deep")
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


def _number(field: str, value: Any) -> float:
    if isinstance(value, str):
        value = value.strip()
        if not _NUMBER.fullmatch(value):
            raise InputError(f"{field} is {quote(value)}, which is no number")
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{field} must be a number, not {_kind(value)}")
    try:
        return float(value)
    except OverflowError:
        raise InputError(f"{field} is far too large") from None


def _whole(field: str, value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return _bounded(field, value)
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?[0-9]{1,20}\s*", value):
        return int(value)
    number = _number(field, value)
    if not number.is_integer():
        raise InputError(f"{field} is {quote(str(value))}, which is no whole number")
    return _bounded(field, int(number))


def _bounded(field: str, number: int) -> int:
    # So that no message has to print a number of thousands of digits.
    if number.bit_length() > 64:
        raise InputError(f"{field} is far too large")
    return number


_Word = tuple[VariantWord, ...] | ComputeUnit | Scheduler


def _word(field: str, value: Any, parse: Callable[[str], _Word]) -> _Word:
    if not isinstance(value, str):
        raise InputError(f"{field} must be text, not {_kind(value)}")
    return parse(value)


def _kind(value: Any) -> str:
    kinds: Sequence[tuple[type | tuple[type, ...], str]] = (
        (bool, "true or false"),
        ((int, float), "a number"),
        (str, "text"),
        (list, "a list"),
        (dict, "an object"),
    )
    return next((name for kind, name in kinds if isinstance(value, kind)), "null")


_PARSERS: Mapping[str, Callable[[str, Any], dict[str, Any]]] = {
    "prompt": _prompt,
    "negative_prompt": _text,
    "seed": _seed,
    "random_seeds": _count,
    "image_count": _count,
    "num_inference_steps": _steps,
    "guidance_scale": _guidance_scale,
    "scheduler": _scheduler,
    "variants": _variants,
    "compute_unit": _compute_unit,
    "model": _model,
    "width": _side,
    "height": _side,
    "custom_id": _custom_id,
    "tags": _tags,
    "meta": _meta,
}
